//! A response for API Gateway's HTTP API (payload format 2.0).

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

/// Headers of every response. What the API answers is one account's: nobody on the way keeps it, or gives it to another
/// key, and no browser takes it for something else than it is.
const HEADERS: [(&str, &str); 3] = [
    ("cache-control", "no-store"),
    ("vary", "authorization, x-api-key"),
    ("x-content-type-options", "nosniff"),
];

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
        let headers = HEADERS
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .into_iter()
            .collect();
        Self { status, headers, body }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::{Code, Problem};

    fn headers(reply: Reply) -> HeaderMap {
        reply.into_response().headers
    }

    #[test]
    fn no_answer_is_kept_by_others_or_taken_for_something_else() {
        for (name, reply) in [
            ("json", Reply::json(StatusCode::OK, &"a")),
            ("raw json", Reply::raw_json(StatusCode::CREATED, "{}".to_owned())),
            ("text", Reply::text(StatusCode::OK, "a".to_owned())),
            ("empty", Reply::empty(StatusCode::NO_CONTENT)),
            ("a caller's mistake", Problem::not_found("key").reply()),
            ("our failure", Problem::unavailable(Code::Unavailable, "Try again.").reply()),
        ] {
            let headers = headers(reply);
            for (header, value) in HEADERS {
                assert_eq!(headers[header], value, "{name}");
            }
        }
    }

    #[test]
    fn an_answer_may_say_how_long_it_is_kept() {
        let headers = headers(Reply::empty(StatusCode::OK).with_header("cache-control", "no-cache"));
        assert_eq!(headers.get_all("cache-control").iter().collect::<Vec<_>>(), ["no-cache"]);
    }
}
