//! Servers with faulty TLS: row 19.

use std::sync::Arc;

use adapters::sender::{HttpSender, SystemResolver};
use domain::delivery::outcome::OutcomeClass;
use domain::destination::egress::EgressPolicy;
use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio_rustls::rustls::ServerConfig;

use super::authority::{Authority, self_signed_identity};
use super::receiver::{Answer, Receiver};
use super::{HOST, LIMITS, attempt, sender};

/// The outcome's class and error at a server with this identity, which must not see the request.
async fn refusal(authority: &Authority, identity: Arc<ServerConfig>) -> (OutcomeClass, String) {
    let receiver = Receiver::https(identity, Answer::Bytes(Vec::new())).await;
    let outcome = attempt(&sender(authority), &receiver.url()).await;
    assert_eq!(receiver.requests(), [""; 0]);
    assert_eq!(receiver.connections(), 1, "no second try within the attempt");
    (outcome.class, outcome.error.unwrap())
}

#[tokio::test]
async fn row_19_each_fault_of_a_certificate_has_its_own_sentence() {
    let authority = Authority::new();
    for (identity, expected) in [
        (authority.expired_identity(HOST), "The certificate has expired."),
        (self_signed_identity(HOST), "The certificate is self-signed or its issuer is not known;"),
        // Another authority of the same name.
        (
            Authority::new().identity(HOST),
            "The certificate, or one of its chain, is not signed by the issuer that it names,",
        ),
        (
            authority.identity("other.example.com"),
            "The certificate is not valid for this host name: hooks.example.com.",
        ),
    ] {
        let (class, error) = refusal(&authority, identity).await;
        assert_eq!(class, OutcomeClass::Tls);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn row_19_plain_http_on_the_port_is_told_as_such() {
    let receiver = Receiver::raw(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let outcome = attempt(&sender(&Authority::new()), &receiver.url()).await;
    assert_eq!(outcome.class, OutcomeClass::Tls);
    assert_eq!(outcome.error.unwrap(), "The server does not speak TLS on this port.");
}

#[tokio::test]
async fn ten_connections_at_once_resume_sessions_at_each_of_forty_servers() {
    let authority = Authority::new();
    let sender = sender(&authority);
    let mut servers = Vec::new();
    for number in 0..40 {
        let host = format!("hooks-{number}.example.com");
        let receiver = Receiver::https(authority.identity(&host), Answer::status(200)).await;
        servers.push((receiver.url().replace(HOST, &host), receiver));
    }
    for resumed in [0, 10] {
        for (url, receiver) in &servers {
            let outcomes = join_all((0..10).map(|_| attempt(&sender, url))).await;
            assert!(outcomes.iter().all(|outcome| outcome.class == OutcomeClass::Success), "{outcomes:?}");
            assert_eq!(receiver.resumed(), resumed, "{url}");
        }
    }
}

#[tokio::test]
async fn this_machine_is_reached_by_name_and_by_address() {
    let authority = Authority::new();
    let policy = EgressPolicy::PublicAndLoopback;
    let sender = HttpSender::with(policy, &[authority.root()], LIMITS, Arc::new(SystemResolver)).unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let answer = Answer::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec());
        let receiver = Receiver::https(authority.identity(host), answer).await;
        let outcome = attempt(&sender, &format!("https://{host}:{}/", receiver.port())).await;
        assert_eq!(outcome.class, OutcomeClass::Success, "{host}: {:?}", outcome.error);
    }
}
