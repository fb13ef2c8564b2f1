//! The socket: AWS JSON 1.0 over HTTP/1.1. The operation is in `x-amz-target`; the path is not used.
//!
//! dynoxide has a server of its own, but that one answers every web page that a browser of this machine has open.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use dynoxide::actions::query::{QueryRequest, QueryResponse};
use dynoxide::types::AttributeValue;
use dynoxide::{Database, DynoxideError};
use futures_util::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::direct::Handler;

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
const TARGET_HEADER: &str = "x-amz-target";
const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// DynamoDB takes requests of up to 16 MB.
const REQUEST_BYTES: usize = 16 * 1_048_576;

const EMPTY_KEY: &str = "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
                         empty string value.";

const UNKNOWN_OPERATION: &str = r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#;

pub(super) fn router(database: Database) -> Router {
    Router::new().fallback(answer).layer(DefaultBodyLimit::max(REQUEST_BYTES)).with_state(database)
}

pub(super) fn handler(database: Database) -> Handler {
    Arc::new(move |headers, body| answer(State(database.clone()), headers, body).boxed())
}

/// Runs the operation to its end on this thread.
async fn answer(State(database): State<Database>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let target = headers.get(TARGET_HEADER).and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.strip_prefix(TARGET_PREFIX).unwrap_or_default();
    match perform(&database, operation, &body) {
        Some(Ok(answer)) => respond(StatusCode::OK, answer),
        Some(Err(error)) => {
            let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST);
            respond(status, error.to_json())
        }
        None => respond(StatusCode::BAD_REQUEST, UNKNOWN_OPERATION.to_owned()),
    }
}

/// The operations that Ringback uses, and those with which people look at tables and change them. `None` for any other.
fn perform(database: &Database, operation: &str, body: &[u8]) -> Option<dynoxide::Result<String>> {
    Some(match operation {
        "BatchExecuteStatement" => run(body, |request| database.batch_execute_statement(request)),
        "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => run(body, |request| database.batch_write_item(request)),
        "CreateTable" => run(body, |request| database.create_table(request)),
        "DeleteItem" => run(body, |request| database.delete_item(request)),
        "DeleteTable" => run(body, |request| database.delete_table(request)),
        "DescribeTable" => run(body, |request| database.describe_table(request)),
        "DescribeTimeToLive" => run(body, |request| database.describe_time_to_live(request)),
        "ExecuteStatement" => run(body, |request| database.execute_statement(request)),
        "GetItem" => run(body, |request| database.get_item(request)),
        "ListTables" => run(body, |request| database.list_tables(request)),
        "PutItem" => run(body, |request| database.put_item(request)),
        "Query" => run(body, |request| query(database, request)),
        "Scan" => run(body, |request| database.scan(request)),
        "TransactGetItems" => run(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
        "UpdateItem" => run(body, |request| database.update_item(request)),
        "UpdateTimeToLive" => run(body, |request| database.update_time_to_live(request)),
        _ => return None,
    })
}

/// DynamoDB refuses an empty string as a part of a key, also in `begins_with`; dynoxide does not.
fn query(database: &Database, request: QueryRequest) -> dynoxide::Result<QueryResponse> {
    let condition = request.key_condition_expression.as_deref().unwrap_or_default();
    let mut names = condition.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let values = request.expression_attribute_values.as_ref();
    let is_empty = |name: &str| matches!(values.and_then(|values| values.get(name)), Some(AttributeValue::S(text)) if text.is_empty());
    if names.any(is_empty) {
        return Err(DynoxideError::ValidationException(EMPTY_KEY.to_owned()));
    }
    database.query(request)
}

fn run<Request: DeserializeOwned, Answer: Serialize>(
    body: &[u8],
    perform: impl FnOnce(Request) -> dynoxide::Result<Answer>,
) -> dynoxide::Result<String> {
    let request = serde_json::from_slice(body)
        .map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    let answer = perform(request)?;
    serde_json::to_string(&answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn respond(status: StatusCode, json: String) -> Response<Body> {
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, CONTENT_TYPE);
    // Only a header value that is not ASCII could fail, and this one is ASCII.
    response.body(Body::from(json)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A query that AWS refuses must fail here, too; one once passed.
    #[test]
    fn an_empty_string_is_no_part_of_a_key() {
        let database = Database::memory().unwrap();
        let ask = |operation, body: serde_json::Value| {
            perform(&database, operation, body.to_string().as_bytes()).unwrap()
        };
        let attribute = |name| json!({"AttributeName": name, "AttributeType": "S"});
        let create = json!({
            "TableName": "log",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [attribute("pk"), attribute("sk")],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        });
        ask("CreateTable", create).unwrap();
        let query = |condition: &str, start: &str| {
            let values = json!({":pk": {"S": "acc_1"}, ":start": {"S": start}});
            let condition = json!({"TableName": "log", "KeyConditionExpression": condition,
                "ExpressionAttributeValues": values});
            ask("Query", condition)
        };
        for condition in
            ["pk = :pk AND begins_with(sk, :start)", "pk=:pk and sk>=:start", "sk = :pk AND pk = :start"]
        {
            assert!(query(condition, "dst_").is_ok(), "{condition}");
            assert!(
                matches!(query(condition, ""), Err(DynoxideError::ValidationException(_))),
                "{condition}"
            );
        }
    }
}
