//! Batches of which some entries fail: what is passed on without them, and the answer that names them.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::between::{Call, Reply};

/// Where a batch has its entries: of SQS, and of DynamoDB's statements.
const LISTS: [&str; 2] = ["Entries", "Statements"];

/// Entries that were taken out of a batch, and their places in it, in order.
pub(super) struct Refused(Vec<(usize, Value)>);

/// The headers of an answer in JSON.
pub(super) fn json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"))])
}

/// The call without the entries at these places; no call if none is left, because the services refuse an empty batch.
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

/// The answer with failures in their places. `None`: nothing was called.
pub(super) fn put_in(reply: Option<Reply>, Refused(refused): Refused) -> Reply {
    let status = reply.as_ref().map_or(StatusCode::OK, |reply| reply.status);
    let mut body: Value = reply.map_or(json!({}), |reply| serde_json::from_slice(&reply.body).unwrap());
    if let Some(responses) = body["Responses"].as_array_mut() {
        for (place, _) in refused {
            responses.insert(place, json!({"Error": {"Code": "ThrottlingError", "Message": "told to"}}));
        }
    } else {
        let failed = refused.iter().map(|(_, entry)| {
            json!({"Id": entry["Id"], "SenderFault": false, "Code": "InternalError", "Message": "told to"})
        });
        let failed: Vec<_> = body["Failed"].as_array().into_iter().flatten().cloned().chain(failed).collect();
        body["Failed"] = failed.into();
    }
    Reply { status, headers: json(), body: body.to_string().into() }
}
