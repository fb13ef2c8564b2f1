//! Oversized, missing and invalid responses, and closed connections: rows 8, 9 and 12.

use std::time::Duration;

use domain::delivery::outcome::OutcomeClass;

use super::authority::Authority;
use super::receiver::{Answer, Receiver};
use super::{HOST, LIMITS, TOLERANCE, attempt, send_to, send_to_bytes, sender};

#[tokio::test]
async fn row_8_a_huge_head_is_not_read() {
    let long = format!("x-long: {}\r\n", "x".repeat(2000)).repeat(1000);
    let many: String = (0..150).map(|n| format!("x-{n}: 1\r\n")).collect();
    for headers in [long, many] {
        let outcome = send_to_bytes(format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).await;
        assert_eq!(
            (outcome.class, outcome.http_status),
            (OutcomeClass::TooLarge, None),
            "{:?}",
            outcome.error
        );
    }
}

#[tokio::test]
async fn row_8_a_flood_of_interim_responses_ends_at_the_limit() {
    let flood = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    let (outcome, receiver) = send_to(Answer::Endless(Vec::new(), flood, Duration::ZERO)).await;
    assert_eq!(outcome.class, OutcomeClass::Timeout);
    assert!(outcome.duration < LIMITS.total + TOLERANCE, "{:?}", outcome.duration);
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn row_9_a_connection_that_is_reset_was_no_connection() {
    let receiver = Receiver::raw(|stream| async move {
        stream.set_zero_linger().unwrap();
    })
    .await;
    let outcome = attempt(&sender(&Authority::new()), &receiver.url()).await;
    assert_eq!(outcome.class, OutcomeClass::Connect, "{:?}", outcome.error);
    assert_eq!(receiver.connections(), 1, "no second try within the attempt");
}

#[tokio::test]
async fn row_9_a_request_without_an_answer_is_not_sent_again() {
    let (outcome, receiver) = send_to(Answer::Bytes(Vec::new())).await;
    assert_eq!(outcome.class, OutcomeClass::NoResponse);
    assert_eq!(outcome.error.unwrap(), "The server closed the connection before it answered.");
    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 1));
}

#[tokio::test]
async fn row_9_garbage_is_not_http() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ] {
        let outcome = send_to_bytes(garbage).await;
        assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::Protocol, None), "{garbage:?}");
    }
}

#[tokio::test]
async fn row_12_no_connection_is_kept_that_could_be_dead_by_the_next_request() {
    let authority = Authority::new();
    let answer = Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec());
    let receiver = Receiver::https(authority.identity(HOST), answer).await;
    let sender = sender(&authority);
    for _ in 0..3 {
        assert_eq!(attempt(&sender, &receiver.url()).await.class, OutcomeClass::Success);
    }
    assert_eq!((receiver.connections(), receiver.requests().len()), (3, 3));
}
