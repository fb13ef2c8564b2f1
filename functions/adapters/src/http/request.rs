//! A request as API Gateway's HTTP API passes it to a function (payload format 2.0).

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::conversation::record::MAX_RECORD_BYTES;
use domain::shared::invalid::Invalid;
use domain::shared::json::{JsonObject, significant};
use http::HeaderMap;

use crate::http::problem::Problem;

/// The largest body that is accepted, without white space between JSON tokens: no record is larger.
pub const MAX_BODY_BYTES: usize = MAX_RECORD_BYTES;

/// The route for requests that no other route takes.
pub const DEFAULT_ROUTE: &str = "$default";

/// The parts of an HTTP request that our routes use.
pub struct Request {
    method: String,
    raw_path: String,
    domain: String,
    route: String,
    path: std::collections::HashMap<String, String>,
    raw_query: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

impl Request {
    /// Parses API Gateway's event.
    pub fn read(event: ApiGatewayV2httpRequest) -> Result<Self, Problem> {
        let body = event.body.unwrap_or_default();
        let body = if event.is_base64_encoded {
            STANDARD.decode(body).map_err(|_| {
                Problem::bad_request(&Invalid::new("body", "is marked as base64 but is not valid base64"))
            })?
        } else {
            body.into_bytes()
        };
        if body.len() > MAX_BODY_BYTES && significant(&body).count() > MAX_BODY_BYTES {
            return Err(Problem::too_large());
        }
        let raw_query = event.raw_query_string.unwrap_or_default();
        let route = event.route_key.unwrap_or_default();
        // A function treats HEAD as GET; the answer's body is left out in the end.
        let route = route.strip_prefix("HEAD ").map_or(route.clone(), |path| format!("GET {path}"));
        Ok(Self {
            method: event.request_context.http.method.to_string(),
            domain: event.request_context.domain_name.unwrap_or_default(),
            raw_path: event.raw_path.unwrap_or_default(),
            route,
            path: event.path_parameters,
            query: form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect(),
            raw_query,
            headers: event.headers,
            body: body.into(),
        })
    }

    /// The route that API Gateway matched, such as `GET /v1/deliveries/{delivery_id}`.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The method, in upper case.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path as a whole, decoded.
    #[must_use]
    pub fn raw_path(&self) -> &str {
        &self.raw_path
    }

    /// The API's domain name at which API Gateway received the request.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The same request to another route, with its path parameters.
    #[must_use]
    pub fn at(self, route: String, path: std::collections::HashMap<String, String>) -> Self {
        Self { route, path, ..self }
    }

    /// A path parameter; empty if the route has none with that name.
    #[must_use]
    pub fn path(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// The query parameters, in order.
    #[must_use]
    pub fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// The value of the first query parameter with that name.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The query string as received: providers sign it.
    #[must_use]
    pub fn raw_query(&self) -> &str {
        &self.raw_query
    }

    /// The body as received: providers sign it.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether a header was sent, with any value.
    #[must_use]
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// A header's value; `None` if it is missing or not visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as a JSON object; a missing body counts as an empty one.
    pub fn json_or_empty(&self) -> Result<JsonObject, Problem> {
        read_json(if self.body.is_empty() { b"{}" } else { &self.body })
    }

    /// The body as a JSON object.
    pub fn json(&self) -> Result<JsonObject, Problem> {
        read_json(&self.body)
    }
}

fn read_json(body: &[u8]) -> Result<JsonObject, Problem> {
    let object = if body.is_empty() {
        Err(Invalid::new("body", "is empty but must be a JSON object"))
    } else {
        JsonObject::parse(body, "body")
    };
    object.map_err(|invalid| Problem::bad_request(&invalid))
}
