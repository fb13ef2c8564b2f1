//! Oversized, missing and invalid responses, and closed connections: rows 8, 9, 12 and 49.

use std::sync::Arc;
use std::time::Duration;

use adapters::sender::{HttpSender, Limits};
use domain::delivery::circuit_breaker::CircuitBreaker;
use domain::delivery::outcome::{CONNECT_LIMIT, OutcomeClass};
use domain::destination::egress::EgressPolicy;
use domain::shared::ids::DestinationId;
use domain::shared::timestamp::Timestamp;

use super::authority::Authority;
use super::receiver::{Answer, Receiver};
use super::{Addresses, HOST, LIMITS, LOOPBACK, TOLERANCE, attempt, send_to, send_to_bytes, sender};

#[tokio::test]
async fn row_8_a_huge_head_is_not_read() {
    let long = format!("x-long: {}\r\n", "x".repeat(2000)).repeat(1000);
    let many: String = (0..=1_000).map(|n| format!("x-{n}: 1\r\n")).collect();
    for headers in [long, many, "Content-Length: 18446744073709551615\r\n".to_owned()] {
        let outcome = send_to_bytes(format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).await;
        assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::TooLarge, None));
        assert_eq!(
            outcome.error.unwrap(),
            "The response has more than 1000 headers, more than 400 KB of them, or a Content-Length beyond all \
             limits. The destination may have taken the webhook."
        );
    }
}

/// Interim responses of several kinds, many in one write.
fn floods() -> impl Iterator<Item = Answer> {
    let floods = [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink : </x>\r\n\r\n",
        "HTTP/1.1 199 Whatever\r\nX-Folded: one\r\n two\r\n\r\n",
    ];
    floods.into_iter().map(|flood| Answer::Endless(Vec::new(), flood.repeat(1000).into(), Duration::ZERO))
}

#[tokio::test]
async fn row_49_a_flood_of_interim_responses_ends_at_the_limit() {
    for flood in floods() {
        let (outcome, receiver) = send_to(flood).await;
        assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::Timeout, None));
        assert!(outcome.duration < LIMITS.total + TOLERANCE, "{:?}", outcome.duration);
        assert_eq!(receiver.requests().len(), 1);
    }
}

/// The attempt's limit in the product is longer than that of a connection; so is this one.
#[tokio::test]
async fn row_49_three_floods_open_the_circuit() {
    let authority = Authority::new();
    let receiver = Receiver::https(authority.identity(HOST), floods().next().unwrap()).await;
    let limits = Limits { connect: CONNECT_LIMIT, total: CONNECT_LIMIT + Duration::from_millis(100) };
    let names = Arc::new(Addresses(vec![LOOPBACK]));
    let sender =
        HttpSender::with(EgressPolicy::PublicAndLoopback, &[authority.root()], limits, names).unwrap();
    let (breaker, destination) = (CircuitBreaker::default(), DestinationId::parse("dst_1").unwrap());
    let now = Timestamp::from_millis(0);
    for number in 1..=3 {
        assert!(!breaker.is_open(&destination, now), "{number}");
        let outcome = attempt(&sender, &receiver.url()).await;
        assert_eq!(outcome.class, OutcomeClass::Timeout);
        breaker.record(&[(&destination, outcome.reaction())], now);
    }
    assert!(breaker.is_open(&destination, now));
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
