//! Errors as callers read them: `application/problem+json` after RFC 9457.

use std::time::Duration;

use domain::shared::invalid::Invalid;
use domain::shared::unavailable::Unavailable;
use http::StatusCode;
use serde::Serialize;

use crate::http::reply::Reply;

/// What is wrong with a request, or with us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    /// A word for programs.
    code: &'static str,
    /// A sentence for people.
    detail: String,
    /// When it is worth trying again.
    #[serde(skip)]
    retry_after: Option<Duration>,
    /// The fields that are wrong.
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
    /// A problem of the request as a whole.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), retry_after: None, errors: Vec::new() }
    }

    /// There is nothing of that id in the caller's account. The same words whether it exists in another or not at all.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no such {what}."))
    }

    /// The request's body is not what the route takes.
    #[must_use]
    pub fn bad_request(invalid: &Invalid) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "bad_request", ..Self::from(invalid.clone()) }
    }

    /// The body is larger than the route takes.
    #[must_use]
    pub fn too_large() -> Self {
        let detail = "A conversation's record takes 2 MiB of JSON at the most, and 400 KB compressed.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    /// The caller has asked too often.
    pub fn rate_limited(detail: impl Into<String>, retry_after: Duration) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
        Self { retry_after: Some(retry_after), ..problem }
    }

    /// The status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// As a response.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let reply = Reply::json(self.status, self).with_header("content-type", "application/problem+json");
        match self.retry_after {
            // Whole seconds, rounded up: before its time it would be in vain.
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

/// Our infrastructure failed. The cause goes to the log; the caller learns that trying again helps.
impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        crate::telemetry::log_unavailable(&error);
        let detail = "Something of ours is not available right now. Nothing was lost; please try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }
}
