//! The outcome of an attempt. Whatever a destination does is an outcome, never an error of ours.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, IntoStaticStr, VariantArray};

/// The excerpt kept of a failed response's body, in bytes: enough to read an error page's message.
pub const FAILURE_EXCERPT_BYTES: usize = 2048;

/// The excerpt kept of a successful response's body, in bytes, so that the record of a first-try success stays under
/// 1 KB: one write unit.
pub const SUCCESS_EXCERPT_BYTES: usize = 256;

/// The time limit until a connection is established. Name resolution and the TLS handshake have the same.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How one HTTP request ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, AsRefStr, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum OutcomeClass {
    /// Any 2xx.
    Success,
    /// Any other status, redirects included.
    HttpError,
    /// The time limit of the whole attempt was reached, without a 2xx.
    Timeout,
    /// The host name could not be resolved.
    Dns,
    /// No connection: refused, unreachable, or not established within the connect limit.
    Connect,
    /// The TLS handshake failed, or the certificate is not valid for this host.
    Tls,
    /// The egress policy forbids the address; nothing was sent.
    Blocked,
    /// The connection ended before a response was read.
    NoResponse,
    /// The response's head cannot be read.
    Protocol,
    /// The response's head exceeds our limit.
    TooLarge,
    /// A GET whose URL is too long even without transcript and analysis; nothing was sent.
    UrlTooLong,
    /// The sender died between claim and completion: the request may or may not have been sent.
    Unknown,
}

impl OutcomeClass {
    /// Whether a further attempt could end differently. A blocked one could: a name can lead astray for a moment.
    #[must_use]
    pub const fn is_worth_retrying(self) -> bool {
        !matches!(self, Self::Success | Self::UrlTooLong)
    }
}

/// The outcome of one HTTP request, as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub class: OutcomeClass,
    /// The status code, when a response began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// For a failure, a sentence the customer can act on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// From the start of the request to the end of reading its response.
    #[serde(rename = "duration_ms", with = "crate::shared::timestamp::millis")]
    pub duration: Duration,
    /// An excerpt of the response, when one began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseExcerpt>,
}

/// How a destination reacts to a request, as its circuit breaker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// It answers.
    Answers,
    /// It does not answer, and the request waited for it: at least [`CONNECT_LIMIT`].
    Hangs,
    /// It fails at once, such as by a refused connection, and holds nobody up.
    Fails,
}

/// The part of a response that the record keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResponseExcerpt {
    /// Headers from the allow-list, names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The start of the body; bytes that are not UTF-8, and control characters other than line breaks and tabs, are
    /// escaped as `\xNN`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Whether the body is longer than the excerpt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl Outcome {
    /// Creates a failure before any response.
    #[must_use]
    pub fn failed(class: OutcomeClass, error: impl Into<String>, duration: Duration) -> Self {
        Self { class, http_status: None, error: Some(error.into()), duration, response: None }
    }

    /// How long the attempt took, failed connections included; `None` if it was stopped before connecting, or its result is
    /// unknown.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        use OutcomeClass::{Blocked, Unknown, UrlTooLong};
        (!matches!(self.class, Blocked | UrlTooLong | Unknown)).then_some(self.duration)
    }

    /// Whether the destination answered, and if not, whether the request waited for it. Dropped packets, a silent name
    /// server and a stalled handshake end as [`Connect`](OutcomeClass::Connect), [`Dns`](OutcomeClass::Dns) and
    /// [`Tls`](OutcomeClass::Tls) at the connect limit.
    #[must_use]
    pub fn reaction(&self) -> Reaction {
        use OutcomeClass::{Connect, Dns, HttpError, NoResponse, Success, Timeout, Tls};
        match self.class {
            Success | HttpError => Reaction::Answers,
            Timeout | Dns | Connect | Tls | NoResponse if self.duration >= CONNECT_LIMIT => Reaction::Hangs,
            _ => Reaction::Fails,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_as_long_as_the_connect_limit_and_is_no_answer_hangs() {
        let reaction = |class, millis| Outcome::failed(class, "", Duration::from_millis(millis)).reaction();
        for &class in OutcomeClass::VARIANTS {
            use OutcomeClass::{Connect, Dns, HttpError, NoResponse, Success, Timeout, Tls};
            let slow = match class {
                Success | HttpError => Reaction::Answers,
                Timeout | Dns | Connect | Tls | NoResponse => Reaction::Hangs,
                _ => Reaction::Fails,
            };
            let quick = if slow == Reaction::Hangs { Reaction::Fails } else { slow };
            assert_eq!((reaction(class, 3_000), reaction(class, 2_999)), (slow, quick), "{class:?}");
        }
    }

    #[test]
    fn a_class_has_one_name_in_tables_answers_and_lines() {
        for &class in OutcomeClass::VARIANTS {
            assert_eq!(serde_json::json!(class), class.as_ref());
        }
    }
}
