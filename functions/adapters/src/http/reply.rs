//! A response for API Gateway's HTTP API (payload format 2.0).

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

/// One HTTP response.
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    /// A response with a JSON body.
    #[must_use]
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).unwrap_or_default(); // our types always serialize
        Self::text(status, body).with_header("content-type", "application/json")
    }

    /// A response whose body is already JSON text.
    #[must_use]
    pub fn raw_json(status: StatusCode, body: String) -> Self {
        Self::text(status, body).with_header("content-type", "application/json")
    }

    /// A response without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self::text(status, String::new())
    }

    /// A response with a text body; the caller adds the `content-type` header.
    #[must_use]
    pub fn text(status: StatusCode, body: String) -> Self {
        Self { status, headers: HeaderMap::new(), body }
    }

    /// Sets a header; a value that is not valid in a header is left out.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Converts it to API Gateway's format.
    #[must_use]
    pub fn into_response(self) -> ApiGatewayV2httpResponse {
        let mut response = ApiGatewayV2httpResponse::default();
        response.status_code = i64::from(self.status.as_u16());
        response.headers = self.headers;
        response.body = (!self.body.is_empty()).then_some(Body::Text(self.body));
        response
    }
}
