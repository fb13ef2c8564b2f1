//! Destinations that hang: rows 4, 5, 14, 19 and 20.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use adapters::sender::NameResolver;
use domain::delivery::outcome::{Outcome, OutcomeClass};
use domain::destination::egress::EgressPolicy;
use futures_util::future::BoxFuture;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use super::receiver::{Answer, Receiver};
use super::{HOST, LIMITS, LOOPBACK, TOLERANCE, attempt, send_to, sender, sender_with};

fn assert_ended_at(limit: Duration, outcome: &Outcome) {
    let duration = outcome.duration;
    assert!((limit..limit + TOLERANCE).contains(&duration), "{duration:?} for a limit of {limit:?}");
}

#[tokio::test]
async fn row_4_a_destination_that_never_answers_is_given_up_at_the_limit() {
    let (outcome, _) = send_to(Answer::Hang(Vec::new())).await;
    assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::Timeout, None));
    assert_eq!(outcome.error.as_deref(), Some("The destination did not answer within 900 milliseconds."));
    assert_ended_at(LIMITS.total, &outcome);
}

/// Bodies without an end: the head behind the status, and what follows it again and again.
const ENDLESS: [(&str, &str); 5] = [
    ("content-type: text/plain\r\ncontent-length: 1000\r\n\r\n", "x"),
    ("content-type: text/plain\r\n\r\n", "x"),
    ("content-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
    ("content-type: text/event-stream\r\nX-Accel-Buffering : no\r\n\r\n", "x"),
    ("content-type: text/plain\r\ncontent-length: 1000\r\n\r\nxxx", ""),
];

fn endless(status: &str, (head, part): (&str, &str)) -> Answer {
    let head = format!("HTTP/1.1 {status}\r\n{head}");
    Answer::Endless(head.into(), part.into(), Duration::from_millis(50))
}

/// How long the body of a success is read.
const BODY_LIMIT: Duration = Duration::from_millis(500);

#[tokio::test]
async fn row_5_a_success_whose_body_has_no_end_is_a_success_at_once() {
    for (status, body) in ["200 OK", "202 Accepted", "299 Yes"]
        .into_iter()
        .zip(ENDLESS)
        .chain([("200 OK", ENDLESS[3]), ("201 Created", ENDLESS[4])])
    {
        let (outcome, _) = send_to(endless(status, body)).await;
        assert_eq!((outcome.class, &outcome.error), (OutcomeClass::Success, &None), "{body:?}: {outcome:?}");
        assert_eq!(outcome.http_status.unwrap().to_string(), status[..3]);
        assert_ended_at(BODY_LIMIT, &outcome);
        let excerpt = outcome.response.unwrap();
        assert!(
            excerpt.truncated && excerpt.body.starts_with("xxx") && !excerpt.headers.is_empty(),
            "{excerpt:?}"
        );
    }
}

/// The status comes so late that the attempt's limit ends its body.
#[tokio::test]
async fn row_5_a_success_stays_one_at_the_limit_of_the_attempt() {
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(authority.identity(HOST));
    let receiver = Receiver::raw(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            tokio::time::sleep(LIMITS.total - Duration::from_millis(200)).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nxxx").await.unwrap();
            std::future::pending::<()>().await;
        }
    })
    .await;
    let outcome = attempt(&sender(&authority), &receiver.url()).await;
    assert_eq!((outcome.class, outcome.http_status), (OutcomeClass::Success, Some(200)), "{outcome:?}");
    assert_ended_at(LIMITS.total, &outcome);
    assert!(outcome.response.unwrap().truncated);
}

#[tokio::test]
async fn row_5_an_error_whose_body_has_no_end_is_given_up_at_the_limit_and_keeps_its_status() {
    for (status, body) in ["500 Oops", "302 Found", "429 Slow"].into_iter().zip(ENDLESS) {
        let (outcome, _) = send_to(endless(status, body)).await;
        assert_eq!(outcome.class, OutcomeClass::Timeout);
        assert_eq!(outcome.http_status.unwrap().to_string(), status[..3]);
        assert_eq!(outcome.error.as_deref(), Some("The response was not complete within 900 milliseconds."));
        assert_ended_at(LIMITS.total, &outcome);
        assert!(outcome.response.unwrap().truncated);
    }
}

#[tokio::test]
async fn row_14_a_resolver_that_hangs_is_given_up_at_the_connect_limit() {
    struct Silent;
    impl NameResolver for Silent {
        fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            Box::pin(std::future::pending())
        }
    }
    let sender = sender_with(&Authority::new(), EgressPolicy::PublicOnly, Silent);
    let outcome = attempt(&sender, "https://hooks.example.com/").await;
    assert_eq!(outcome.class, OutcomeClass::Dns, "{:?}", outcome.error);
    assert_ended_at(LIMITS.connect, &outcome);
}

#[tokio::test]
async fn row_19_a_handshake_that_hangs_is_given_up_at_the_connect_limit() {
    let receiver = Receiver::raw(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let outcome = attempt(&sender(&Authority::new()), &receiver.url()).await;
    assert_eq!(outcome.class, OutcomeClass::Tls, "{:?}", outcome.error);
    assert_eq!(outcome.error.as_deref(), Some("The TLS handshake was not complete within 400 milliseconds."));
    assert_ended_at(LIMITS.connect, &outcome);
}

#[tokio::test]
async fn row_20_a_refused_connection_says_so() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((LOOPBACK, 0).into()).unwrap(); // bound but not listening, so that nobody else takes the port
    let url = format!("https://{HOST}:{}/", socket.local_addr().unwrap().port());
    let outcome = attempt(&sender(&Authority::new()), &url).await;
    assert_eq!(outcome.class, OutcomeClass::Connect);
    assert_eq!(outcome.error.as_deref(), Some("The server refused the connection."));
}

#[tokio::test]
async fn row_20_a_dropped_syn_is_given_up_at_the_connect_limit() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((LOOPBACK, 0).into()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    // Linux drops SYNs while the queue of unaccepted connections is full.
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    let url = format!("https://{HOST}:{}/", address.port());
    let outcome = attempt(&sender(&Authority::new()), &url).await;
    assert_eq!(outcome.class, OutcomeClass::Connect, "{:?}", outcome.error);
    assert_ended_at(LIMITS.connect, &outcome);
}
