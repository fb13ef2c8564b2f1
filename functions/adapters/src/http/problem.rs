//! Errors as callers read them: `application/problem+json` (RFC 9457).

use std::borrow::Cow;
use std::time::Duration;

use domain::shared::invalid::Invalid;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Unavailable;
use http::StatusCode;
use serde::Serialize;
use strum::{AsRefStr, VariantArray};

use crate::http::reply::Reply;

/// The kinds of problems. The page of the reference has a section for each, with cause and cure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, AsRefStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "each is described in openapi.json")]
pub enum Code {
    BadRequest,
    Unauthorized,
    Forbidden,
    AccountSuspended,
    BadSignature,
    NotFound,
    MethodNotAllowed,
    Conflict,
    Disabled,
    DuplicateDestination,
    EventExpired,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    NoDestination,
    NoRecord,
    TooManyApiKeys,
    TooManyDestinations,
    TooManySecrets,
    UnderWay,
    Gone,
    TooLarge,
    Invalid,
    RateLimited,
    NotConfigured,
    Unavailable,
}

impl Code {
    /// The HTTP status of answers with this code.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::AccountSuspended | Self::BadSignature => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict
            | Self::Disabled
            | Self::DuplicateDestination
            | Self::EventExpired
            | Self::IdempotencyKeyInUse
            | Self::NoDestination
            | Self::NoRecord
            | Self::TooManyApiKeys
            | Self::TooManyDestinations
            | Self::TooManySecrets
            | Self::UnderWay => StatusCode::CONFLICT,
            Self::Gone => StatusCode::GONE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid | Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::NotConfigured | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// An error response: the caller's mistake or our failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where the problem's kind is explained, relative to the API's URL.
    #[serde(rename = "type")]
    page: String,
    status: u16,
    /// The problem's code, for programs.
    code: Code,
    /// An explanation, for people.
    detail: String,
    /// The header that goes with it.
    #[serde(skip)]
    header: Option<(&'static str, String)>,
    /// The invalid fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct FieldError {
    field: Cow<'static, str>,
    rule: Cow<'static, str>,
}

impl Problem {
    /// A problem with the request as a whole.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let page = format!("/docs#{}", code.as_ref());
        let status = code.status().as_u16();
        // RFC 9110 requires it; the first scheme is ours.
        let header =
            (code == Code::Unauthorized).then(|| ("www-authenticate", "X-API-Key, Bearer".to_owned()));
        Self { page, status, code, detail: detail.into(), header, errors: Vec::new() }
    }

    /// A problem with the fields that are named.
    fn with_fields(code: Code, invalid: Invalid) -> Self {
        let invalid: Vec<_> = invalid.each().collect();
        let detail: Vec<_> = invalid.iter().map(|one| format!("{one}.")).collect();
        let error = |Invalid { field, rule, .. }| FieldError { field, rule };
        Self { errors: invalid.into_iter().map(error).collect(), ..Self::new(code, detail.join(" ")) }
    }

    /// The account is suspended.
    #[must_use]
    pub fn suspended() -> Self {
        Self::new(Code::AccountSuspended, "This account is suspended. Its operator can resume it.")
    }

    /// The caller's account has nothing with that id. The text is the same if another account has it.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}."))
    }

    /// The request's body cannot be parsed.
    #[must_use]
    pub fn bad_request(invalid: &Invalid) -> Self {
        Self::with_fields(Code::BadRequest, invalid.clone())
    }

    /// The request's body is too large.
    #[must_use]
    pub fn too_large() -> Self {
        let detail = "A conversation's record may have at most 2 MiB of JSON, and 400 KB compressed.";
        Self::new(Code::TooLarge, detail)
    }

    /// The conversation was deleted, and its id is free again at `until`.
    #[must_use]
    pub fn gone(until: Timestamp) -> Self {
        let detail = format!("This conversation was deleted. Its id can be used again from {until}.");
        Self::new(Code::Gone, detail)
    }

    /// The caller has sent too many requests.
    pub fn rate_limited(detail: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(Code::RateLimited, detail).with_retry_after(retry_after)
    }

    /// The service cannot answer now.
    pub fn unavailable(code: Code, detail: impl Into<String>) -> Self {
        Self::new(code, detail).with_retry_after(Duration::from_secs(1))
    }

    /// The first request with the same idempotency key is being answered.
    #[must_use]
    pub fn in_progress() -> Self {
        let detail =
            "The first request with this Idempotency-Key is still being answered. Repeat yours in a moment.";
        Self::new(Code::IdempotencyKeyInUse, detail).with_retry_after(Duration::from_secs(1))
    }

    /// The route has no such method, but those in `allow`.
    #[must_use]
    pub fn method_not_allowed(method: &str, allow: String) -> Self {
        let detail = format!("There is no {method} at this path. It takes {allow}.");
        Self { header: Some(("allow", allow)), ..Self::new(Code::MethodNotAllowed, detail) }
    }

    /// Says how long the caller should wait before the next try, in whole seconds, rounded up: an earlier try would be
    /// refused again.
    fn with_retry_after(self, wait: Duration) -> Self {
        Self { header: Some(("retry-after", wait.as_millis().div_ceil(1000).to_string())), ..self }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The problem as a response.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let reply = Reply::json(self.status(), self).with_header("content-type", "application/problem+json");
        match &self.header {
            Some((name, value)) => reply.with_header(name, value),
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
        Self::with_fields(Code::Invalid, invalid)
    }
}

/// Our infrastructure failed. The cause is logged; the caller learns that the request can be repeated.
impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        error.log();
        let detail = "The service is temporarily unavailable. Nothing was lost; please try again.";
        Self::unavailable(Code::Unavailable, detail)
    }
}
