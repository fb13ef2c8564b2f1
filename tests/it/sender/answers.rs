//! Responses of a destination: rows 1, 2, 6, 7, 10, 11 and 13.

use domain::delivery::outcome::{FAILURE_EXCERPT_BYTES, OutcomeClass, SUCCESS_EXCERPT_BYTES};
use domain::delivery::request::WebhookRequest;
use domain::delivery::request::WebhookSender;
use domain::destination::record::RequestType;

use super::authority::Authority;
use super::receiver::{Answer, Receiver};
use super::{HOST, attempt, post, send_to, send_to_bytes, sender};

fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn row_1_any_2xx_is_a_success_whatever_its_body_says() {
    for status in ["200 OK", "299 Whatever"] {
        let outcome = send_to_bytes(response(status, "", br#"{"error": "internal"}"#)).await;
        assert_eq!((outcome.class, outcome.error), (OutcomeClass::Success, None), "{status}");
        assert_eq!(outcome.response.unwrap().body, r#"{"error": "internal"}"#);
    }
    let outcome = send_to_bytes("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::Success, Some(204)));
}

#[tokio::test]
async fn row_2_a_server_error_is_a_failure_and_is_not_tried_again() {
    let outcome = send_to_bytes(response("500 Internal Server Error", "retry-after: 0\r\n", b"boom")).await;
    assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::HttpError, Some(500)));
    assert_eq!(outcome.error.unwrap(), "The destination answered 500 Internal Server Error.");
    assert_eq!(outcome.response.unwrap().body, "boom");
}

#[tokio::test]
async fn the_request_arrives_as_it_was_made() {
    let authority = Authority::new();
    let receiver =
        Receiver::https(authority.identity(HOST), Answer::Bytes(response("200 OK", "", b""))).await;
    let url = receiver.url();
    let sender = sender(&authority);
    attempt(&sender, &url).await;
    sender.send(WebhookRequest { method: RequestType::Get, body: "".into(), ..post(&url) }).await;
    let host = format!("{HOST}:{}", receiver.port());
    assert_eq!(
        receiver.requests(),
        [
            format!(
                "POST /hook?token=hunter2 HTTP/1.1\r\nwebhook-attempt: 1\r\naccept: */*\r\nhost: {host}\r\n\
                 content-length: 11\r\n\r\nthe payload"
            ),
            format!(
                "GET /hook?token=hunter2 HTTP/1.1\r\nwebhook-attempt: 1\r\naccept: */*\r\nhost: {host}\r\n\r\n"
            ),
        ]
    );
}

#[tokio::test]
async fn row_6_reading_stops_at_the_cap_and_the_status_decides() {
    let megabytes = vec![b'x'; 10 * 1024 * 1024];
    for (status, class, kept) in [
        ("200 OK", OutcomeClass::Success, SUCCESS_EXCERPT_BYTES),
        ("500 Internal Server Error", OutcomeClass::HttpError, FAILURE_EXCERPT_BYTES),
    ] {
        let endless = format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n");
        let endless = Answer::Endless(endless.into(), b"4\r\nabcd\r\n".repeat(1000), Default::default());
        for answer in [endless, Answer::Bytes(response(status, "", &megabytes))] {
            let response = send_to(answer).await.0;
            assert_eq!(response.class, class);
            let excerpt = response.response.unwrap();
            assert_eq!((excerpt.body.len(), excerpt.truncated), (kept, true));
        }
    }
}

#[tokio::test]
async fn row_7_nothing_is_decompressed() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xffKL\x04\x02\x00";
    let outcome = send_to_bytes(response("200 OK", "content-encoding: gzip\r\n", gzip)).await;
    assert_eq!(outcome.class, OutcomeClass::Success);
    assert!(outcome.response.unwrap().body.starts_with("\\x1f\\x8b\\x08\\x00"));
}

#[tokio::test]
async fn row_10_a_redirect_is_a_failure_that_leads_nowhere() {
    let canary = Receiver::canary().await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let location = format!("location: https://{HOST}:{}/\r\n", canary.port());
        let outcome = send_to_bytes(response(status, &location, b"")).await;
        assert_eq!(outcome.class, OutcomeClass::HttpError, "{status}");
        assert!(outcome.error.unwrap().ends_with("Redirects are not followed: set the URL it leads to."));
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn row_11_whatever_is_in_retry_after_is_recorded() {
    for value in ["30", "Wed, 21 Oct 2015 07:28:00 GMT", "soon, maybe", "1000000000", "-1"] {
        let outcome = send_to_bytes(response("429 Slow", &format!("retry-after: {value}\r\n"), b"")).await;
        assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::HttpError, Some(429)));
        let headers = outcome.response.unwrap().headers;
        assert!(headers.contains(&("retry-after".to_owned(), value.to_owned())), "{value}: {headers:?}");
    }
}

#[tokio::test]
async fn row_13_a_body_that_is_no_text_is_escaped_and_cut() {
    let outcome = send_to_bytes(response("500 Oops", "", b"nul \0 latin \xe9")).await;
    assert_eq!(outcome.response.unwrap().body, "nul \\x00 latin \\xe9");
    let outcome = send_to_bytes(response("500 Oops", "", &vec![0; 1024 * 1024])).await;
    let excerpt = outcome.response.unwrap();
    assert!(
        excerpt.truncated && excerpt.body.len() <= FAILURE_EXCERPT_BYTES && excerpt.body.starts_with("\\x00")
    );
}

#[tokio::test]
async fn a_success_whose_body_breaks_off_is_a_success() {
    let outcome = send_to_bytes("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this").await;
    assert_eq!(outcome.class, OutcomeClass::Success);
    let excerpt = outcome.response.unwrap();
    assert_eq!((excerpt.body.as_str(), excerpt.truncated), ("only this", true));
}
