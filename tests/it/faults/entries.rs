//! Partial failures of batches: takes entries out of a call and reports them as failed in the reply.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};

use crate::between::{Call, Reply};

/// Both services' error for a caller that is throttled.
pub(super) const THROTTLED: &str = "ThrottlingException";

/// Entries that were taken out of a batch, in order.
pub(super) enum Refused {
    /// Of SQS.
    Entries(Vec<Value>),
    /// Of DynamoDB's statements, by their places.
    Statements(Vec<usize>),
    /// Of DynamoDB's keys, by their tables.
    Keys(Map<String, Value>),
}

/// The headers of a JSON reply.
pub(super) fn json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"))])
}

/// Answers with an error of the service.
pub(super) fn error(status: StatusCode, code: &str) -> Reply {
    reply(status, &json!({"__type": code, "message": "injected"}))
}

/// Cancels a transaction, with a reason for each of its writes.
pub(super) fn cancelled(reasons: &[String]) -> Reply {
    let message = "Transaction cancelled, please refer cancellation reasons for specific reasons";
    let each = reasons.iter().map(|code| match code.as_str() {
        "None" => json!({"Code": code}),
        code => json!({"Code": code, "Message": "injected"}),
    });
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!("{message} [{}]", reasons.join(", ")),
        "CancellationReasons": each.collect::<Vec<_>>(),
    });
    reply(StatusCode::BAD_REQUEST, &body)
}

/// A batch of statements that claim attempts.
pub(super) const INSERTS: &str = "BatchExecuteStatement INSERT";
/// A batch of statements that complete first attempts.
pub(super) const UPDATES: &str = "BatchExecuteStatement UPDATE";

/// The number of statements of a batch.
pub(super) fn statements(call: &Call) -> usize {
    let body: Value = serde_json::from_slice(&call.body).unwrap();
    body["Statements"].as_array().map_or(0, Vec::len)
}

/// The items that a call writes, apart from those of statements, which claim and complete attempts: each of them is
/// written by one worker.
pub(super) fn written(call: &Call) -> Vec<String> {
    let body: Value = serde_json::from_slice(&call.body).unwrap();
    let writes = match call.operation.as_str() {
        "PutItem" | "UpdateItem" | "DeleteItem" => vec![&body],
        "TransactWriteItems" => {
            let writes = body["TransactItems"].as_array().unwrap().iter();
            writes.flat_map(|write| write.as_object().unwrap().values()).collect()
        }
        _ => Vec::new(),
    };
    let item = |write: &Value| {
        let key = write.get("Key").unwrap_or(&write["Item"]);
        format!("{} {} {}", write["TableName"], key["pk"], key["sk"])
    };
    writes.into_iter().map(item).collect()
}

/// Throttles a call in the form of its operation: a transaction is cancelled, and a batch names what was left out.
pub(super) fn throttled(call: &Call) -> Reply {
    let body: Value = serde_json::from_slice(&call.body).unwrap();
    let count = |list: &Value| list.as_array().unwrap().len();
    match call.operation.as_str() {
        "TransactWriteItems" => {
            let mut reasons = vec!["None".to_owned(); count(&body["TransactItems"])];
            *reasons.last_mut().unwrap() = "ThrottlingError".to_owned();
            cancelled(&reasons)
        }
        INSERTS | UPDATES => put_in(None, Refused::Statements((0..statements(call)).collect())),
        _ => error(StatusCode::BAD_REQUEST, THROTTLED),
    }
}

/// Takes out the entries at these places. An empty batch becomes no call, because the services would refuse it.
pub(super) fn take_out(mut call: Call, places: &[usize]) -> (Option<Call>, Refused) {
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    let mut nth = 0..;
    let mut split = |list: &mut Value| {
        let entries = list.as_array().unwrap().clone().into_iter().zip(&mut nth);
        let (out, kept): (Vec<_>, Vec<_>) = entries.partition(|(_, place)| places.contains(place));
        *list = kept.into_iter().map(|(entry, _)| entry).collect();
        out.into_iter().map(|(entry, _)| entry).collect::<Vec<_>>()
    };
    let refused = if body["Entries"].is_array() {
        Refused::Entries(split(&mut body["Entries"]))
    } else if body["Statements"].is_array() {
        split(&mut body["Statements"]);
        Refused::Statements(places.to_vec())
    } else {
        let mut refused = Map::new();
        for (table, wanted) in body["RequestItems"].as_object_mut().unwrap() {
            let out = split(&mut wanted["Keys"]);
            if !out.is_empty() {
                let mut left = wanted.clone();
                left["Keys"] = out.into();
                refused.insert(table.clone(), left);
            }
        }
        body["RequestItems"].as_object_mut().unwrap().retain(|_, wanted| wanted["Keys"] != json!([]));
        Refused::Keys(refused)
    };
    let is_empty = ["Entries", "Statements", "RequestItems"].iter().any(|list| {
        body[*list].as_array().is_some_and(Vec::is_empty)
            || body[*list].as_object().is_some_and(Map::is_empty)
    });
    call.body = body.to_string().into();
    ((!is_empty).then_some(call), refused)
}

/// Puts the failures into the reply, in their places; `None` stands for no call.
pub(super) fn put_in(answer: Option<Reply>, refused: Refused) -> Reply {
    let status = answer.as_ref().map_or(StatusCode::OK, |reply| reply.status);
    let is_whole = answer.is_none();
    let mut body: Value = answer.map_or(json!({}), |reply| serde_json::from_slice(&reply.body).unwrap());
    match refused {
        Refused::Keys(_) if is_whole => {
            return error(StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException");
        }
        Refused::Keys(left) => body["UnprocessedKeys"] = left.into(),
        Refused::Statements(places) => {
            let mut responses = body["Responses"].as_array().cloned().unwrap_or_default();
            for place in places {
                responses.insert(place, json!({"Error": {"Code": "ThrottlingError", "Message": "injected"}}));
            }
            body["Responses"] = responses.into();
        }
        Refused::Entries(entries) => {
            let failed = entries.iter().map(|entry| {
                json!({"Id": entry["Id"], "SenderFault": false, "Code": "InternalError", "Message": "injected"})
            });
            let failed: Vec<_> =
                body["Failed"].as_array().into_iter().flatten().cloned().chain(failed).collect();
            body["Failed"] = failed.into();
        }
    }
    reply(status, &body)
}

fn reply(status: StatusCode, body: &Value) -> Reply {
    Reply { status, headers: json(), body: body.to_string().into() }
}
