//! Faults of destinations: rows 1 to 13, 48 and 49.

use std::time::Duration;

use crate::sender::authority::Authority;
use crate::sender::receiver::{Answer, Receiver};
use crate::sender::{HOST, sender};

use super::rounds::Rounds;

const EXHAUSTED: &str = "exhausted";

/// The outcomes of a delivery's attempts, its final status, and the number of requests that its receiver saw.
type Story = (Vec<&'static str>, &'static str, usize);

/// Runs one delivery to its end, with a receiver that gives these answers.
async fn play(answers: Vec<Answer>, expected: Story) {
    let authority = Authority::new();
    let receiver = Receiver::https_in_turn(authority.identity(HOST), answers).await;
    let mut rounds = Rounds::start(sender(&authority)).await;
    let destination = rounds.destination(receiver).await;
    rounds.accept("c-1").await;
    rounds.drain().await;
    let (outcomes, status) = rounds.story(&destination).await;
    assert_eq!((outcomes, status, rounds.requests_to(&destination)), expected);
    rounds.check().await;
}

fn bytes(head: &str, body: &[u8]) -> Answer {
    Answer::Bytes([head.as_bytes(), b"\r\n\r\n", body].concat())
}

/// Four attempts with this outcome.
fn four(outcome: &'static str, requests: usize) -> Story {
    (vec![outcome; 4], EXHAUSTED, requests)
}

#[tokio::test(flavor = "multi_thread")]
async fn row_1_any_2xx_ends_the_delivery() {
    for answer in [
        Answer::status(200),
        Answer::status(299),
        bytes("HTTP/1.1 204 No Content", b""),
        bytes("HTTP/1.1 200 OK\r\ncontent-length: 20", br#"{"error":"internal"}"#),
    ] {
        play(vec![answer], (vec!["success"], "delivered", 1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_2_a_destination_that_recovers_is_sent_two_requests() {
    let answers = vec![Answer::status(500), Answer::status(200)];
    play(answers, (vec!["http_error", "success"], "delivered", 2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_3_a_destination_that_never_recovers_is_sent_four_and_leaves_no_dead_letter() {
    play(vec![Answer::status(500)], four("http_error", 4)).await;
}

/// A destination that hangs shares a batch with three that work.
#[tokio::test(flavor = "multi_thread")]
async fn row_4_who_never_answers_holds_up_nobody_in_its_batch() {
    let authority = Authority::new();
    let mut rounds = Rounds::start(sender(&authority)).await;
    let silent = Receiver::https(authority.identity(HOST), Answer::Hang(Vec::new())).await;
    let silent = rounds.destination(silent).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let good = Receiver::https(authority.identity(HOST), Answer::status(200)).await;
        others.push(rounds.destination(good).await);
    }
    rounds.accept("c-1").await;
    rounds.settle().await;
    for other in &others {
        assert_eq!(rounds.story(other).await, (vec!["success"], "delivered"));
    }
    rounds.drain().await;
    assert_eq!(rounds.story(&silent).await, (vec!["timeout"; 4], EXHAUSTED));
    rounds.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_5_a_body_that_drips_is_a_success_by_its_status_or_ends_with_the_attempt() {
    for (status, expected) in [(200, (vec!["success"], "delivered", 1)), (500, four("timeout", 4))] {
        let head = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 1000\r\n\r\n");
        play(vec![Answer::Endless(head.into(), b"x".to_vec(), Duration::from_millis(100))], expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_6_a_body_without_an_end_is_judged_by_its_status() {
    for (status, expected) in [(200, (vec!["success"], "delivered", 1)), (500, four("http_error", 4))] {
        let head = format!("HTTP/1.1 {status} Whatever\r\ntransfer-encoding: chunked\r\n\r\n");
        let endless = Answer::Endless(head.into(), b"4\r\nabcd\r\n".repeat(1000), Duration::ZERO);
        play(vec![endless], expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_7_a_bomb_stays_packed() {
    let bomb = zstd::bulk::compress(&vec![0; 256 * 1024 * 1024], 3).unwrap();
    assert!(bomb.len() < 64 * 1024);
    for encoding in ["zstd", "gzip"] {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {}", bomb.len());
        play(vec![bytes(&head, &bomb)], (vec!["success"], "delivered", 1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_8_a_head_that_is_too_much_is_a_failure_like_any_other() {
    let long = format!("x-long: {}\r\n", "x".repeat(2000)).repeat(1000);
    let head = bytes(&format!("HTTP/1.1 200 OK\r\n{}", long.trim_end()), b"");
    play(vec![head], four("too_large", 4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_48_odd_header_lines_cost_no_event() {
    let many: String = (0..150).map(|n| format!("x-{n}: 1\r\n")).collect();
    for lines in [
        "X-Powered-By : x",
        "X-Folded: one\r\n two",
        "PHP Warning:  Undefined variable $x in /var/www/hook.php on line 3",
        "X-Control: \u{1}",
        "[x]@y: z",
        many.trim_end(),
    ] {
        let delivered = (vec!["success"], "delivered", 1);
        play(vec![bytes(&format!("HTTP/1.1 200 OK\r\n{lines}"), b"ok")], delivered).await;
        let answers = vec![bytes(&format!("HTTP/1.1 500 Oops\r\n{lines}"), b""), Answer::status(200)];
        play(answers, (vec!["http_error", "success"], "delivered", 2)).await;
    }
    for line in ["X-Nul: a\0b", "X-Cr: a\rb", "Content-Length: two"] {
        play(vec![bytes(&format!("HTTP/1.1 200 OK\r\n{line}"), b"ok")], four("protocol", 4)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_49_interim_responses_without_end_are_no_answer() {
    let flood = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    play(vec![Answer::Endless(Vec::new(), flood, Duration::ZERO)], four("timeout", 4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_9_a_request_is_not_sent_again_within_its_attempt() {
    play(vec![Answer::Bytes(Vec::new())], four("no_response", 4)).await;
    for garbage in ["SSH-2.0-OpenSSH_9.9", "HTTP/9.9 200 OK", "\0\0\0\0"] {
        play(vec![bytes(garbage, b"")], four("protocol", 4)).await;
    }
    // A reset before the handshake counts as a failed connection.
    let mut rounds = Rounds::start(sender(&Authority::new())).await;
    let resets = Receiver::raw(|stream| async move { stream.set_zero_linger().unwrap() }).await;
    let resets = rounds.destination(resets).await;
    rounds.accept("c-1").await;
    rounds.drain().await;
    assert_eq!(rounds.story(&resets).await, (vec!["connect"; 4], EXHAUSTED));
    rounds.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_10_a_redirect_is_a_failure_and_leads_nowhere() {
    let canary = Receiver::canary().await;
    let location = format!("location: https://{HOST}:{}/", canary.port());
    for status in [301, 302, 303, 307, 308] {
        let head = format!("HTTP/1.1 {status} Elsewhere\r\n{location}\r\ncontent-length: 0");
        play(vec![bytes(&head, b"")], four("http_error", 4)).await;
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_11_retry_after_changes_nothing_but_what_is_recorded() {
    for status in [400, 401, 404, 410] {
        play(vec![Answer::status(status)], four("http_error", 4)).await;
    }
    for value in ["30", "Wed, 21 Oct 2099 07:28:00 GMT", "soon", "1000000000"] {
        let head = format!("HTTP/1.1 429 Slow down\r\nretry-after: {value}\r\ncontent-length: 0");
        play(vec![bytes(&head, b"")], four("http_error", 4)).await;
    }
}

/// Each event has its own invocation; in between, the receiver closes the connection that it promised to keep open.
#[tokio::test(flavor = "multi_thread")]
async fn row_12_a_connection_that_was_closed_in_between_costs_no_attempt() {
    let authority = Authority::new();
    let mut rounds = Rounds::start(sender(&authority)).await;
    let closes = bytes("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0", b"");
    let closes = rounds.destination(Receiver::https(authority.identity(HOST), closes).await).await;
    for number in 1..=3 {
        rounds.accept(&format!("c-{number}")).await;
        rounds.settle().await;
    }
    rounds.drain().await;
    assert_eq!(rounds.story(&closes).await, (vec!["success"], "delivered"));
    rounds.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_13_bytes_that_are_no_text_are_recorded_all_the_same() {
    for body in [b"nul \0 latin \xe9".to_vec(), vec![0; 1024 * 1024], vec![b'x'; 1024 * 1024]] {
        let head = format!("HTTP/1.1 500 Oops\r\ncontent-length: {}", body.len());
        play(vec![bytes(&head, &body)], four("http_error", 4)).await;
    }
}
