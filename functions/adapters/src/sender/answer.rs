//! Reads a server's response, within limits.

use std::time::Duration;

use domain::delivery::outcome::{
    FAILURE_EXCERPT_BYTES, Outcome, OutcomeClass, ResponseExcerpt, SUCCESS_EXCERPT_BYTES,
};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};

use super::excerpt;
use super::failure::Failure;

/// Bytes of a body that are read. This is more than is kept, because a server that is cut off while it writes a small
/// page sees a connection reset and may log it as our fault.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// How long the body of a success is read. It decides nothing, so a body that has no end holds nobody up.
const SUCCESS_BODY_LIMIT: Duration = Duration::from_millis(500);

/// A response, as far as it has arrived.
#[derive(Default)]
pub(super) struct Answer {
    head: Option<(StatusCode, HeaderMap)>,
    body: Vec<u8>,
    is_complete: bool,
}

impl Answer {
    /// Reads until the end, [`MAX_BODY_BYTES`] or, for a success, [`SUCCESS_BODY_LIMIT`]. A truncated body is no failure:
    /// the status tells whether the server took the webhook, and many servers miscount their bytes or close the
    /// connection abruptly.
    pub(super) async fn read(&mut self, mut response: Response) {
        let status = response.status();
        self.head = Some((status, std::mem::take(response.headers_mut())));
        let body = self.read_body(response);
        if status.is_success() {
            // At the limit, the body is what has arrived.
            let _ = tokio::time::timeout(SUCCESS_BODY_LIMIT, body).await;
        } else {
            body.await;
        }
    }

    async fn read_body(&mut self, mut response: Response) {
        while self.body.len() < MAX_BODY_BYTES {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let room = MAX_BODY_BYTES - self.body.len();
                    self.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                }
                end => {
                    self.is_complete = end.is_ok();
                    return;
                }
            }
        }
    }

    /// Whether the status has arrived.
    pub(super) fn has_begun(&self) -> bool {
        self.head.is_some()
    }

    /// The outcome: a 2xx is a success whatever comes after it; any other status is a failure of its own, unless the
    /// attempt had to be ended.
    pub(super) fn into_outcome(self, failure: Option<Failure>, duration: Duration) -> Outcome {
        let Some((status, headers)) = self.head else {
            let Failure { class, error } = failure.unwrap_or_else(Failure::no_response);
            return Outcome::failed(class, error, duration);
        };
        let failure = by_status(status).map(|by_status| failure.unwrap_or(by_status));
        let max = if failure.is_none() { SUCCESS_EXCERPT_BYTES } else { FAILURE_EXCERPT_BYTES };
        let (body, is_cut) = excerpt::text(&self.body, max);
        let truncated = is_cut || !self.is_complete;
        let response = Some(ResponseExcerpt { headers: excerpt::headers(&headers), body, truncated });
        let http_status = Some(status.as_u16());
        let (class, error) = failure.map_or((OutcomeClass::Success, None), |f| (f.class, Some(f.error)));
        Outcome { class, http_status, error, duration, response }
    }
}

fn by_status(status: StatusCode) -> Option<Failure> {
    if status.is_success() {
        return None;
    }
    let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
    let hint =
        if status.is_redirection() { " Redirects are not followed: set the URL it leads to." } else { "" };
    let error = format!("The destination answered {}{reason}.{hint}", status.as_u16());
    Some(Failure { class: OutcomeClass::HttpError, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &[u8]) -> Answer {
        Answer {
            head: Some((StatusCode::from_u16(status).unwrap(), HeaderMap::new())),
            body: body.to_vec(),
            is_complete: true,
        }
    }

    fn outcome(status: u16, body: &[u8]) -> Outcome {
        answer(status, body).into_outcome(None, Duration::from_millis(5))
    }

    /// The outcome of an attempt that reached its limit within the body.
    fn ended(status: u16) -> Outcome {
        let failure = Failure::timeout(Duration::from_secs(10), true);
        Answer { is_complete: false, ..answer(status, b"o") }.into_outcome(Some(failure), Duration::ZERO)
    }

    #[test]
    fn any_2xx_is_a_success_whatever_its_body_says() {
        for status in [200, 204, 299] {
            let outcome = outcome(status, b"internal error");
            assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::Success, Some(status)));
            assert_eq!(outcome.error, None);
        }
    }

    #[test]
    fn any_other_status_is_a_failure_that_says_so() {
        for (status, error) in [
            (404, "The destination answered 404 Not Found."),
            (799, "The destination answered 799."),
            (101, "The destination answered 101 Switching Protocols."),
        ] {
            let outcome = outcome(status, b"");
            assert_eq!((outcome.class, outcome.error.as_deref()), (OutcomeClass::HttpError, Some(error)));
        }
        assert!(outcome(302, b"").error.unwrap().contains("Redirects are not followed"));
    }

    #[test]
    fn more_is_kept_of_a_failure_than_of_a_success() {
        for (status, kept) in [(200, SUCCESS_EXCERPT_BYTES), (500, FAILURE_EXCERPT_BYTES)] {
            let response = outcome(status, &[b'x'; 5000]).response.unwrap();
            assert_eq!((response.body.len(), response.truncated), (kept, true));
        }
        assert!(!outcome(200, b"ok").response.unwrap().truncated);
    }

    #[test]
    fn a_failure_after_the_head_of_an_error_keeps_the_status() {
        let outcome = ended(500);
        assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::Timeout, Some(500)));
        assert_eq!(outcome.error.unwrap(), "The response was not complete within 10 seconds.");
        assert!(outcome.response.unwrap().truncated);
    }

    #[test]
    fn what_ends_after_the_head_of_a_success_is_a_success_that_was_cut() {
        for status in [200, 202, 299] {
            let outcome = ended(status);
            assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::Success, Some(status)));
            assert_eq!(outcome.error, None);
            assert!(outcome.response.unwrap().truncated);
        }
    }
}
