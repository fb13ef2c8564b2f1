//! Errors as callers read them: `application/problem+json` (RFC 9457).

use std::time::Duration;

use domain::shared::invalid::Invalid;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Unavailable;
use http::StatusCode;
use serde::Serialize;

use crate::http::reply::Reply;

/// An error response: the caller's mistake or our failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    /// The problem's code, for programs.
    code: &'static str,
    /// An explanation, for people.
    detail: String,
    /// How long the caller should wait before the next try.
    #[serde(skip)]
    retry_after: Option<Duration>,
    /// The invalid fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct FieldError {
    field: String,
    rule: String,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem with the request as a whole.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), retry_after: None, errors: Vec::new() }
    }

    /// The caller's account has nothing with that id. The text is the same if another account has it.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no such {what}."))
    }

    /// The request's body cannot be parsed.
    #[must_use]
    pub fn bad_request(invalid: &Invalid) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "bad_request", ..Self::from(invalid.clone()) }
    }

    /// The request's body is too large.
    #[must_use]
    pub fn too_large() -> Self {
        let detail = "A conversation's record may have at most 2 MiB of JSON, and 400 KB compressed.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    /// The conversation was deleted, and its id is free again at `until`.
    #[must_use]
    pub fn gone(until: Timestamp) -> Self {
        let detail = format!("This conversation was deleted. Its id can be used again from {until}.");
        Self::new(StatusCode::GONE, "gone", detail)
    }

    /// The caller has sent too many requests.
    pub fn rate_limited(detail: impl Into<String>, retry_after: Duration) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
        Self { retry_after: Some(retry_after), ..problem }
    }

    /// The service cannot answer now.
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        Self { retry_after: Some(Duration::from_secs(1)), ..problem }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The problem as a response.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let mut reply =
            Reply::json(self.status, self).with_header("content-type", "application/problem+json");
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 requires it; the scheme is ours.
            reply = reply.with_header("www-authenticate", "X-API-Key");
        }
        match self.retry_after {
            // Whole seconds, rounded up: an earlier try would be refused again.
            Some(wait) => reply.with_header("retry-after", &wait.as_millis().div_ceil(1000).to_string()),
            None => reply,
        }
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        problem.reply()
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let detail = format!("{invalid}.");
        let Invalid { field, rule } = invalid;
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            code: "invalid",
            detail,
            retry_after: None,
            errors: vec![FieldError { field: field.into_owned(), rule: rule.into_owned() }],
        }
    }
}

/// Our infrastructure failed. The cause is logged; the caller learns that the request can be repeated.
impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        crate::telemetry::log_unavailable(&error);
        let detail = "The service is temporarily unavailable. Nothing was lost; please try again.";
        Self::unavailable("unavailable", detail)
    }
}
