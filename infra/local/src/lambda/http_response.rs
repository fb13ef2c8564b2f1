//! Turns a function's answer into the HTTP API's response, in payload format 2.0.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

/// An answer that has more than a body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The response for an answer; 500 if the answer is malformed.
pub(super) fn respond(answer: &[u8]) -> Response<Body> {
    let response = match serde_json::from_slice::<Value>(answer) {
        Ok(value) if value.get("statusCode").is_some() => structured(value),
        // Any other JSON is the body of a 200.
        Ok(_) => build(200, &[("content-type", "application/json")], &[], answer.to_vec()),
        Err(_) => None,
    };
    response.unwrap_or_else(|| problem(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
}

/// An error that the HTTP API itself responds with.
pub(super) fn problem(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

fn structured(value: Value) -> Option<Response<Body>> {
    let answer: Answer = serde_json::from_value(value).ok()?;
    let body = match answer.body {
        Some(body) if answer.is_base64_encoded => STANDARD.decode(body).ok()?,
        Some(body) => body.into_bytes(),
        None => Vec::new(),
    };
    let headers = answer.headers.iter().map(|(name, value)| Some((name.as_str(), header_text(value)?)));
    let headers = headers.collect::<Option<Vec<_>>>()?;
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    build(answer.status_code, &headers, &answer.cookies, body)
}

fn header_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn build(status: u16, headers: &[(&str, &str)], cookies: &[String], body: Vec<u8>) -> Option<Response<Body>> {
    let response = Response::builder().status(status);
    let response = headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
    let response =
        cookies.iter().fold(response, |response, cookie| response.header(header::SET_COOKIE, cookie));
    response.body(Body::from(body)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn parts(answer: &str) -> (u16, String, String) {
        let response = respond(answer.as_bytes());
        let kind = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, kind.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn an_answer_says_status_headers_cookies_and_body() {
        let answer = r#"{"statusCode":202,"headers":{"X-Days":30},"cookies":["a=1","b=2"],"body":"aGk=","isBase64Encoded":true}"#;
        let response = respond(answer.as_bytes());
        assert_eq!(response.headers()["x-days"], "30");
        assert_eq!(response.headers().get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert_eq!(parts(answer).await, (202, String::new(), "hi".to_owned()));
    }

    #[tokio::test]
    async fn json_without_a_status_is_the_body_of_a_200() {
        for answer in [r#"{"a":1}"#, r#""text""#, "null"] {
            assert_eq!(parts(answer).await, (200, "application/json".to_owned(), answer.to_owned()));
        }
    }

    #[tokio::test]
    async fn an_answer_that_makes_no_response_is_a_500() {
        for answer in [
            "",
            "no json",
            r#"{"statusCode":"ok"}"#,
            r#"{"statusCode":1}"#,
            r#"{"statusCode":200,"body":"***","isBase64Encoded":true}"#,
            r#"{"statusCode":200,"body":{}}"#,
            r#"{"statusCode":200,"headers":{"a b":"x"}}"#,
        ] {
            let body = r#"{"message":"Internal Server Error"}"#.to_owned();
            assert_eq!(parts(answer).await, (500, "application/json".to_owned(), body), "{answer}");
        }
    }
}
