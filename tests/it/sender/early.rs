//! Receivers that answer, or close, before they have read the request: row 9.

use std::time::Duration;

use domain::delivery::outcome::{Outcome, OutcomeClass};
use domain::delivery::request::{WebhookRequest, WebhookSender};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use super::receiver::Receiver;
use super::{HOST, post, sender};

/// Forms: a small one, a usual one, and one with a payload as large as it may be.
const SIZES: [usize; 3] = [11, 10_000, 2 * 1024 * 1024];

const UNREAD: &str = "The server closed the connection before it had read the request; perhaps it answered.";

/// How a receiver treats a request that it does not want.
#[derive(Clone, Copy)]
struct Early {
    /// The most that it reads of the request.
    reads: usize,
    answer: &'static str,
    /// How long it waits between its answer and closing.
    waits: Duration,
}

/// Sends a form of this size.
async fn send_to(early: Early, size: usize) -> Outcome {
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(authority.identity(HOST));
    let receiver = Receiver::raw(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            if early.reads > 0 {
                let _ = stream.read(&mut vec![0; early.reads]).await;
            }
            let _ = stream.write_all(early.answer.as_bytes()).await;
            let _ = stream.flush().await;
            tokio::time::sleep(early.waits).await;
        }
    })
    .await;
    sender(&authority).send(WebhookRequest { body: vec![b'x'; size].into(), ..post(&receiver.url()) }).await
}

const ANSWERS: [(&str, u16, OutcomeClass); 6] = [
    ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno", 401, OutcomeClass::HttpError),
    (
        "HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        413,
        OutcomeClass::HttpError,
    ),
    ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, OutcomeClass::Success),
    ("HTTP/1.1 200 OK\r\n\r\nok", 200, OutcomeClass::Success),
    ("HTTP/1.1 204 No Content\r\n\r\n", 204, OutcomeClass::Success),
    ("HTTP/1.1 503 Busy\r\nX-Powered-By : x\r\ncontent-length: 0\r\n\r\n", 503, OutcomeClass::HttpError),
];

#[tokio::test(flavor = "multi_thread")]
async fn row_9_an_answer_to_a_request_that_was_not_read_is_read() {
    for (answer, status, class) in ANSWERS {
        for size in SIZES {
            for reads in [0, 100] {
                let early = Early { reads, answer, waits: Duration::from_millis(100) };
                let outcome = send_to(early, size).await;
                assert_eq!(
                    (outcome.class, outcome.http_status),
                    (class, Some(status)),
                    "{size}: {outcome:?}"
                );
            }
        }
    }
}

/// What was answered is lost if the system learns of the reset while it writes.
#[tokio::test(flavor = "multi_thread")]
async fn row_9_who_answers_and_closes_at_once_has_perhaps_answered() {
    for (answer, status, class) in ANSWERS {
        for size in SIZES {
            let outcome = send_to(Early { reads: 100, answer, waits: Duration::ZERO }, size).await;
            match outcome.class {
                OutcomeClass::NoResponse => assert_eq!(outcome.error.as_deref(), Some(UNREAD), "{size}"),
                read => assert_eq!((read, outcome.http_status), (class, Some(status)), "{size}: {outcome:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_9_who_closes_without_reading_the_request_is_said_not_to_have_read_it() {
    for reads in [1, 100, 1_000, 10_000, 20_000] {
        let outcome = send_to(Early { reads, answer: "", waits: Duration::from_millis(50) }, SIZES[2]).await;
        assert_eq!(
            (outcome.class, outcome.error.as_deref()),
            (OutcomeClass::NoResponse, Some(UNREAD)),
            "{reads}"
        );
    }
}
