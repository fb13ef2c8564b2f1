//! Response heads that break the rules of HTTP: row 48.

use domain::delivery::outcome::OutcomeClass;
use domain::testing::fakes::Fuzz;

use super::send_to_bytes;

/// The head with another status instead of 200.
fn with_status(head: &[u8], status: &str) -> Vec<u8> {
    let at = head.windows(4).position(|four| four == b" 200").unwrap();
    [&head[..=at], status.as_bytes(), &head[at + 4..]].concat()
}

#[tokio::test]
async fn row_48_the_status_decides_whatever_the_header_lines_are() {
    for head in Fuzz::of("receivers/odd-heads").seeds() {
        let outcome = send_to_bytes(head.clone()).await;
        let what = format!("{}: {outcome:?}", head.escape_ascii());
        assert_eq!(
            (outcome.class, outcome.http_status, outcome.error),
            (OutcomeClass::Success, Some(200), None),
            "{what}"
        );
        assert_eq!(outcome.response.unwrap().body, "ok", "{what}");
        let outcome = send_to_bytes(with_status(head, "503")).await;
        assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::HttpError, Some(503)), "{what}");
    }
}

#[tokio::test]
async fn row_48_hundreds_of_headers_are_read() {
    for count in [101, 128, 150, 256, 500, 1_000] {
        let headers: String = (0..count).map(|number| format!("x-{number}: 1\r\n")).collect();
        let outcome = send_to_bytes(format!("HTTP/1.1 200 OK\r\n{headers}\r\nok")).await;
        assert_eq!(
            (outcome.class, outcome.http_status),
            (OutcomeClass::Success, Some(200)),
            "{count}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn row_48_what_is_no_head_says_what_is_wrong_and_that_the_webhook_may_have_been_taken() {
    for line in Fuzz::of("receivers/broken-heads").seeds() {
        let at = line.iter().position(|byte| *byte == b'|').unwrap();
        let expected = std::str::from_utf8(&line[..at]).unwrap();
        let outcome = send_to_bytes(&line[at + 1..]).await;
        let what = format!("{}: {outcome:?}", line.escape_ascii());
        assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::Protocol, None), "{what}");
        let error = format!("{expected} The destination may have taken the webhook.");
        assert_eq!(outcome.error.as_deref(), Some(&*error), "{what}");
    }
}
