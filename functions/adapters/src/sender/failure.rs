//! What went wrong before an answer, as a class and a sentence that the customer can act on. A sentence names the host
//! at the most: `reqwest::Error` prints the whole URL, with a GET's payload in it.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use domain::delivery::outcome::OutcomeClass;

use super::client::MAX_HEADERS;
use super::names::Refusal;
use super::step::Step;
use super::tls;

/// Why there is no answer, or not all of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) class: OutcomeClass,
    pub(super) error: String,
}

impl Failure {
    fn new(class: OutcomeClass, error: impl Into<String>) -> Self {
        Self { class, error: error.into() }
    }

    /// The limit over the whole attempt was reached.
    pub(super) fn timeout(limit: Duration, answer_has_begun: bool) -> Self {
        let what =
            if answer_has_begun { "The response was not complete" } else { "The destination did not answer" };
        Self::new(OutcomeClass::Timeout, format!("{what} within {}.", in_words(limit)))
    }

    /// The connection stood, and ended before an answer began.
    pub(super) fn unanswered() -> Self {
        Self::new(OutcomeClass::NoResponse, "The server closed the connection before it answered.")
    }

    /// The client gave up. The error's own text says where it was noticed; what happened is among its causes.
    pub(super) fn of(error: &reqwest::Error, step: Step, host: &str, connect_limit: Duration) -> Self {
        if error.is_connect() && error.is_timeout() {
            return hung(step, host, connect_limit);
        }
        if error.is_builder() {
            let error = "No request can be made of this destination's URL and headers.";
            return Self::new(OutcomeClass::Blocked, error);
        }
        causes(error)
            .find_map(|cause| by_cause(cause, host))
            .unwrap_or_else(|| if error.is_connect() { unconnected(error, step) } else { Self::unanswered() })
    }
}

/// The causes that say what happened by their type alone.
fn by_cause(cause: &(dyn Error + 'static), host: &str) -> Option<Failure> {
    if let Some(refusal) = cause.downcast_ref() {
        return Some(refused(refusal, host));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(Failure::new(OutcomeClass::Tls, tls::sentence(error, host)));
    }
    let error: &hyper::Error = cause.downcast_ref()?;
    if error.is_parse_too_large() {
        let error = format!("The response has more than {MAX_HEADERS} headers, or more than 400 KB of them.");
        return Some(Failure::new(OutcomeClass::TooLarge, error));
    }
    error.is_parse().then(|| Failure::new(OutcomeClass::Protocol, "The response is not HTTP/1.1."))
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

fn hung(step: Step, host: &str, limit: Duration) -> Failure {
    let limit = in_words(limit);
    match step {
        Step::Resolving => Failure::new(
            OutcomeClass::Dns,
            format!(
                "The host name {host} could not be resolved: its name servers did not answer within {limit}."
            ),
        ),
        Step::Connecting => Failure::new(
            OutcomeClass::Connect,
            format!("The server did not accept a connection within {limit}."),
        ),
        Step::Handshaking => {
            Failure::new(OutcomeClass::Tls, format!("The TLS handshake was not complete within {limit}."))
        }
    }
}

/// The network said no, or the server hung up before TLS stood.
fn unconnected(error: &reqwest::Error, step: Step) -> Failure {
    let kind = causes(error).filter_map(|cause| cause.downcast_ref()).last().map(io::Error::kind);
    let sentence = match kind {
        _ if step == Step::Handshaking => {
            "The server closed the connection during the TLS handshake.".to_owned()
        }
        Some(ErrorKind::ConnectionRefused) => "The server refused the connection.".to_owned(),
        Some(kind) => format!("The connection failed: {kind}."),
        None => "The connection failed.".to_owned(),
    };
    Failure::new(OutcomeClass::Connect, sentence)
}

/// The error and what caused it, down to the first cause. An `io::Error` that wraps another error leaves that one out
/// of its `source`.
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
        for (step, class) in [
            (Step::Resolving, OutcomeClass::Dns),
            (Step::Connecting, OutcomeClass::Connect),
            (Step::Handshaking, OutcomeClass::Tls),
        ] {
            let failure = hung(step, "hooks.example.com", limit);
            assert_eq!(failure.class, class);
            assert!(failure.error.ends_with("within 3 seconds."), "{}", failure.error);
        }
    }

    #[test]
    fn what_an_io_error_wraps_is_found() {
        let inner = rustls::Error::DecryptError;
        let error = io::Error::other(io::Error::new(ErrorKind::InvalidData, inner.clone()));
        let failure = causes(&error).find_map(|cause| by_cause(cause, "example.com")).unwrap();
        assert_eq!(failure, Failure::new(OutcomeClass::Tls, tls::sentence(&inner, "example.com")));
    }

    #[test]
    fn a_refused_name_says_why() {
        let failure = refused(&Refusal::Blocked([127, 0, 0, 1].into()), "a.example.com");
        assert_eq!(failure.class, OutcomeClass::Blocked);
        assert_eq!(
            failure.error,
            "The host name a.example.com leads to 127.0.0.1, which is no public address."
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
