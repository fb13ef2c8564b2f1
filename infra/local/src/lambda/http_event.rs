//! Turns a request into the HTTP API's event, in payload format 2.0.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// The stage of an API whose URLs name no stage.
const STAGE: &str = "$default";

/// A request as it reached the API.
pub(super) struct Request<'a> {
    pub(super) parts: &'a Parts,
    pub(super) body: &'a [u8],
    /// The route it matched: `GET /v1/deliveries/{delivery_id}`.
    pub(super) route_key: &'a str,
    /// The values of the route's path parameters, decoded.
    pub(super) path_parameters: BTreeMap<String, String>,
    pub(super) source_ip: IpAddr,
    pub(super) request_id: &'a str,
    pub(super) time_ms: u64,
}

impl Request<'_> {
    /// The event. Like the HTTP API, it omits empty fields, decodes the path and leaves the query encoded.
    pub(super) fn event(&self) -> Value {
        let path = percent_decode_str(self.parts.uri.path()).decode_utf8_lossy();
        let query = self.parts.uri.query().unwrap_or_default();
        let mut event = json!({
            "version": "2.0",
            "routeKey": self.route_key,
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers(&self.parts.headers),
            "requestContext": self.context(&path),
            "isBase64Encoded": false,
        });
        let cookies = cookies(&self.parts.headers);
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        if !query.is_empty() {
            event["queryStringParameters"] = json!(query_parameters(query));
        }
        if !self.path_parameters.is_empty() {
            event["pathParameters"] = json!(self.path_parameters);
        }
        if !self.body.is_empty() {
            let (body, encoded) = self.body();
            event["body"] = json!(body);
            event["isBase64Encoded"] = json!(encoded);
        }
        event
    }

    fn context(&self, path: &str) -> Value {
        let host = text(self.parts.headers.get(header::HOST));
        json!({
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": host.split('.').next(),
            "http": {
                "method": self.parts.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", self.parts.version),
                "sourceIp": self.source_ip,
                "userAgent": text(self.parts.headers.get(header::USER_AGENT)),
            },
            "requestId": self.request_id,
            "routeKey": self.route_key,
            "stage": STAGE,
            "timeEpoch": self.time_ms,
        })
    }

    /// The body, and whether it is Base64-encoded.
    fn body(&self) -> (String, bool) {
        let content_type = text(self.parts.headers.get(header::CONTENT_TYPE));
        match std::str::from_utf8(self.body) {
            Ok(body) if is_text(&content_type) => (body.to_owned(), false),
            _ => (STANDARD.encode(self.body), true),
        }
    }
}

/// Whether the HTTP API forwards bodies of this type as text. It encodes all others, including forms and untyped bodies.
fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].contains(&essence.as_str())
}

/// The headers: names in lower case, values of a repeated name joined. Cookies are a separate field.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let names = headers.keys().filter(|name| *name != header::COOKIE);
    names.map(|name| (name.as_str().to_owned(), json!(joined(headers, name)))).collect()
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get_all(name).iter().map(|value| text(Some(value))).collect::<Vec<_>>().join(",")
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let cookies = headers.get_all(header::COOKIE).iter().map(|value| text(Some(value)));
    cookies
        .flat_map(|line| line.split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>())
        .collect()
}

/// The query's parameters, decoded; values of a repeated name are joined by commas.
fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        parameters
            .entry(name.into_owned())
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    parameters
}

fn text(value: Option<&header::HeaderValue>) -> String {
    value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(request: axum::http::request::Builder, body: &str) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let request = Request {
            parts: &parts,
            body: body.as_bytes(),
            route_key: "PUT /v1/conversations/{conversation_id}",
            path_parameters: BTreeMap::from([("conversation_id".to_owned(), "a b".to_owned())]),
            source_ip: [127, 0, 0, 1].into(),
            request_id: "id-1",
            time_ms: 1_700_000_000_000,
        };
        request.event()
    }

    fn put() -> axum::http::request::Builder {
        axum::http::Request::put("/v1/conversations/a%20b?x=1&y=%26&x=2")
    }

    #[test]
    fn a_request_becomes_the_event_that_the_http_api_documents() {
        let request = put()
            .header("Host", "localhost:8080")
            .header("User-Agent", "curl/8")
            .header("Content-Type", "application/json; charset=utf-8")
            .header("X-Many", "1")
            .header("X-Many", "2")
            .header("Cookie", "a=1; b=2");
        assert_eq!(
            event(request, "{}"),
            json!({
                "version": "2.0",
                "routeKey": "PUT /v1/conversations/{conversation_id}",
                "rawPath": "/v1/conversations/a b",
                "rawQueryString": "x=1&y=%26&x=2",
                "cookies": ["a=1", "b=2"],
                "headers": {
                    "host": "localhost:8080",
                    "user-agent": "curl/8",
                    "content-type": "application/json; charset=utf-8",
                    "x-many": "1,2",
                },
                "queryStringParameters": {"x": "1,2", "y": "&"},
                "pathParameters": {"conversation_id": "a b"},
                "requestContext": {
                    "accountId": "000000000000",
                    "apiId": "local",
                    "domainName": "localhost:8080",
                    "domainPrefix": "localhost:8080",
                    "http": {
                        "method": "PUT",
                        "path": "/v1/conversations/a b",
                        "protocol": "HTTP/1.1",
                        "sourceIp": "127.0.0.1",
                        "userAgent": "curl/8",
                    },
                    "requestId": "id-1",
                    "routeKey": "PUT /v1/conversations/{conversation_id}",
                    "stage": "$default",
                    "timeEpoch": 1_700_000_000_000_u64,
                },
                "body": "{}",
                "isBase64Encoded": false,
            })
        );
    }

    #[test]
    fn a_body_that_is_not_of_a_text_type_is_encoded() {
        for content_type in
            ["application/x-www-form-urlencoded", "application/octet-stream", "multipart/form-data"]
        {
            let event = event(put().header("content-type", content_type), "a=b");
            assert_eq!(
                (&event["body"], &event["isBase64Encoded"]),
                (&json!("YT1i"), &json!(true)),
                "{content_type}"
            );
        }
        assert_eq!(event(put(), "a=b")["isBase64Encoded"], json!(true), "no type");
        assert_eq!(event(put().header("content-type", "text/plain"), "a=b")["body"], json!("a=b"));
    }

    #[test]
    fn what_is_empty_is_left_out() {
        let event = event(axum::http::Request::get("/v1/deliveries"), "");
        for field in ["body", "cookies", "queryStringParameters"] {
            assert!(event.get(field).is_none(), "{field}");
        }
    }
}
