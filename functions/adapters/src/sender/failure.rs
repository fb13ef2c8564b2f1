//! Why there is no complete response, as a class and a sentence that the customer can act on. A sentence names at most
//! the host: `reqwest::Error` prints the whole URL, which contains a GET's payload.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use domain::delivery::outcome::OutcomeClass;

use super::client::MAX_HEADERS;
use super::names::Refusal;
use super::phase::Phase;
use super::tls;

/// Why there is no response, or only a part of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) class: OutcomeClass,
    pub(super) error: String,
}

impl Failure {
    fn new(class: OutcomeClass, error: impl Into<String>) -> Self {
        Self { class, error: error.into() }
    }

    /// The whole attempt reached its time limit.
    pub(super) fn timeout(limit: Duration, answer_has_begun: bool) -> Self {
        let what =
            if answer_has_begun { "The response was not complete" } else { "The destination did not answer" };
        Self::new(OutcomeClass::Timeout, format!("{what} within {}.", in_words(limit)))
    }

    /// The connection was established, and closed before a response began.
    pub(super) fn no_response() -> Self {
        Self::new(OutcomeClass::NoResponse, "The server closed the connection before it answered.")
    }

    /// The connection was reset, as happens when a server closes it with a part of the request unread.
    fn reset() -> Self {
        let error = "The server closed the connection before it had read the request; perhaps it answered.";
        Self::new(OutcomeClass::NoResponse, error)
    }

    /// The client returned an error. Its own text says where the error surfaced; its causes say what happened.
    pub(super) fn of(error: &reqwest::Error, phase: Phase, host: &str, connect_limit: Duration) -> Self {
        if error.is_connect() && error.is_timeout() {
            return connect_timeout(phase, host, connect_limit);
        }
        if error.is_builder() {
            let error = "This destination's URL and headers do not make a valid request.";
            return Self::new(OutcomeClass::Blocked, error);
        }
        causes(error).find_map(|cause| by_cause(cause, host, phase)).unwrap_or_else(|| match io_kind(error) {
            kind if error.is_connect() => connection_failed(kind, phase),
            // Bytes that had arrived may be lost. At an orderly end, all of them have been read.
            Some(ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe) => {
                Self::reset()
            }
            _ => Self::no_response(),
        })
    }
}

/// The failure, if the cause's type alone identifies it.
fn by_cause(cause: &(dyn Error + 'static), host: &str, phase: Phase) -> Option<Failure> {
    if let Some(refusal) = cause.downcast_ref() {
        return Some(refused(refusal, host));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(Failure::new(OutcomeClass::Tls, tls::sentence(error, host, phase)));
    }
    let error: &hyper::Error = cause.downcast_ref()?;
    error.is_parse().then(|| unreadable(error))
}

/// The response's head cannot be read, so its status is unknown.
fn unreadable(error: &hyper::Error) -> Failure {
    const MAY_BE_TAKEN: &str = "The destination may have taken the webhook.";
    if error.is_parse_too_large() {
        let error = format!(
            "The response has more than {MAX_HEADERS} headers, more than 400 KB of them, or a Content-Length beyond \
             all limits. {MAY_BE_TAKEN}"
        );
        return Failure::new(OutcomeClass::TooLarge, error);
    }
    // Only hyper's texts tell these apart.
    let what = match error.to_string().as_str() {
        "invalid HTTP version parsed" => "The response does not begin with HTTP/1.0 or HTTP/1.1.",
        "invalid HTTP status-code parsed" => {
            "The response's first line has no status of three digits, or a control character."
        }
        "invalid HTTP header parsed" => {
            "The response has a NUL, or a carriage return without a line feed, in its head."
        }
        "invalid content-length parsed" => "The response's Content-Length is not one number.",
        "unexpected transfer-encoding parsed" => {
            "The response has a Transfer-Encoding, which HTTP/1.0 does not have."
        }
        _ => "The response is not HTTP/1.1.",
    };
    Failure::new(OutcomeClass::Protocol, format!("{what} {MAY_BE_TAKEN}"))
}

fn refused(refusal: &Refusal, host: &str) -> Failure {
    match refusal {
        Refusal::Blocked(_) => {
            Failure::new(OutcomeClass::Blocked, format!("The host name {host} {refusal}."))
        }
        Refusal::NoAddress => Failure::new(OutcomeClass::Dns, format!("The host name {host} {refusal}.")),
        Refusal::Unresolved(cause) => {
            Failure::new(OutcomeClass::Dns, format!("The host name {host} {refusal}: {cause}."))
        }
    }
}

fn connect_timeout(phase: Phase, host: &str, limit: Duration) -> Failure {
    let limit = in_words(limit);
    match phase {
        Phase::Resolving => Failure::new(
            OutcomeClass::Dns,
            format!(
                "The host name {host} could not be resolved: its name servers did not answer within {limit}."
            ),
        ),
        Phase::Connecting => Failure::new(
            OutcomeClass::Connect,
            format!("The server did not accept a connection within {limit}."),
        ),
        Phase::Handshaking | Phase::Authenticating => {
            Failure::new(OutcomeClass::Tls, format!("The TLS handshake was not complete within {limit}."))
        }
    }
}

/// The connection failed, or the server closed it during the TLS handshake.
fn connection_failed(kind: Option<ErrorKind>, phase: Phase) -> Failure {
    let sentence = match kind {
        _ if phase == Phase::Handshaking => {
            "The server closed the connection during the TLS handshake.".to_owned()
        }
        _ if phase == Phase::Authenticating => {
            "The server asked for a client certificate and closed the connection; we have none.".to_owned()
        }
        Some(ErrorKind::ConnectionRefused) => "The server refused the connection.".to_owned(),
        Some(kind) => format!("The connection failed: {kind}."),
        None => "The connection failed.".to_owned(),
    };
    Failure::new(OutcomeClass::Connect, sentence)
}

/// What the operating system said, if it said something.
fn io_kind(error: &reqwest::Error) -> Option<ErrorKind> {
    causes(error).filter_map(|cause| cause.downcast_ref()).last().map(io::Error::kind)
}

/// The error and its causes, down to the root cause. An `io::Error` that wraps another error omits it from its own
/// `source`.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
        None => error.source(),
    })
}

fn in_words(limit: Duration) -> String {
    match limit.as_secs() {
        1 => "1 second".to_owned(),
        seconds if limit.subsec_millis() == 0 => format!("{seconds} seconds"),
        _ => format!("{} milliseconds", limit.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hang_is_told_by_the_step_that_hung() {
        let limit = Duration::from_secs(3);
        for (phase, class) in [
            (Phase::Resolving, OutcomeClass::Dns),
            (Phase::Connecting, OutcomeClass::Connect),
            (Phase::Handshaking, OutcomeClass::Tls),
            (Phase::Authenticating, OutcomeClass::Tls),
        ] {
            let failure = connect_timeout(phase, "hooks.example.com", limit);
            assert_eq!(failure.class, class);
            assert!(failure.error.ends_with("within 3 seconds."), "{}", failure.error);
        }
    }

    #[test]
    fn a_connection_that_fails_is_told_by_what_came_before() {
        for (kind, phase, error) in [
            (Some(ErrorKind::ConnectionRefused), Phase::Connecting, "The server refused the connection."),
            (
                Some(ErrorKind::ConnectionReset),
                Phase::Handshaking,
                "The server closed the connection during the TLS handshake.",
            ),
            (
                None,
                Phase::Authenticating,
                "The server asked for a client certificate and closed the connection; we have none.",
            ),
            (Some(ErrorKind::HostUnreachable), Phase::Connecting, "The connection failed: host unreachable."),
            (None, Phase::Connecting, "The connection failed."),
        ] {
            assert_eq!(connection_failed(kind, phase), Failure::new(OutcomeClass::Connect, error));
        }
    }

    #[test]
    fn what_an_io_error_wraps_is_found() {
        let inner = rustls::Error::DecryptError;
        let error = io::Error::other(io::Error::new(ErrorKind::InvalidData, inner.clone()));
        let failure =
            causes(&error).find_map(|cause| by_cause(cause, "example.com", Phase::Handshaking)).unwrap();
        let sentence = tls::sentence(&inner, "example.com", Phase::Handshaking);
        assert_eq!(failure, Failure::new(OutcomeClass::Tls, sentence));
    }

    #[test]
    fn a_refused_name_says_why() {
        let failure = refused(&Refusal::Blocked([127, 0, 0, 1].into()), "a.example.com");
        assert_eq!(failure.class, OutcomeClass::Blocked);
        assert_eq!(
            failure.error,
            "The host name a.example.com resolves to 127.0.0.1, which is not a public address."
        );
        let failure = refused(&Refusal::Unresolved(io::Error::other("no such name")), "a.example.com");
        assert_eq!(failure.class, OutcomeClass::Dns);
        assert_eq!(failure.error, "The host name a.example.com could not be resolved: no such name.");
    }

    #[test]
    fn limits_are_told_as_people_say_them() {
        for (millis, words) in [(1_000, "1 second"), (10_000, "10 seconds"), (300, "300 milliseconds")] {
            assert_eq!(in_words(Duration::from_millis(millis)), words);
        }
    }
}
