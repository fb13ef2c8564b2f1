//! Partial failures of batches: takes entries out of a call and reports them as failed in the reply.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::between::{Call, Reply};

/// The field with a batch's entries: SQS's, and DynamoDB's statements.
const LISTS: [&str; 2] = ["Entries", "Statements"];

/// Entries that were taken out of a batch, with their places, in order.
pub(super) struct Refused(Vec<(usize, Value)>);

/// The headers of a JSON reply.
pub(super) fn json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"))])
}

/// Takes out the entries at these places. An empty batch becomes no call, because the services would refuse it.
pub(super) fn take_out(mut call: Call, places: &[usize]) -> (Option<Call>, Refused) {
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    let list = LISTS.iter().find(|list| body[**list].is_array()).unwrap();
    let entries = body[*list].as_array().unwrap().clone().into_iter().enumerate();
    let (refused, kept): (Vec<_>, Vec<_>) = entries.partition(|(place, _)| places.contains(place));
    let is_empty = kept.is_empty();
    body[*list] = kept.into_iter().map(|(_, entry)| entry).collect();
    call.body = body.to_string().into();
    ((!is_empty).then_some(call), Refused(refused))
}

/// Puts the failures into the reply, in their places. `None` if no call was made.
pub(super) fn put_in(reply: Option<Reply>, Refused(refused): Refused) -> Reply {
    let status = reply.as_ref().map_or(StatusCode::OK, |reply| reply.status);
    let mut body: Value = reply.map_or(json!({}), |reply| serde_json::from_slice(&reply.body).unwrap());
    if let Some(responses) = body["Responses"].as_array_mut() {
        for (place, _) in refused {
            responses.insert(place, json!({"Error": {"Code": "ThrottlingError", "Message": "injected"}}));
        }
    } else {
        let failed = refused.iter().map(|(_, entry)| {
            json!({"Id": entry["Id"], "SenderFault": false, "Code": "InternalError", "Message": "injected"})
        });
        let failed: Vec<_> = body["Failed"].as_array().into_iter().flatten().cloned().chain(failed).collect();
        body["Failed"] = failed.into();
    }
    Reply { status, headers: json(), body: body.to_string().into() }
}
