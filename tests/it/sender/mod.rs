//! The sender against real sockets: rows 1 to 20, 48 and 49 of the fault matrix, as far as they concern the sender.
//!
//! Each test has a receiver on this machine that misbehaves in one way. Names resolve to it through [`Addresses`], and
//! the limits are short, so that no test waits longer than a second.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod addresses;
mod answers;
pub(crate) mod authority;
mod early;
mod handshakes;
mod heads;
mod limits;
mod protocol;
pub(crate) mod receiver;
mod tls;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use adapters::sender::{HttpSender, Limits, NameResolver};
use domain::delivery::outcome::Outcome;
use domain::delivery::request::WebhookRequest;
use domain::delivery::request::WebhookSender;
use domain::destination::egress::EgressPolicy;
use domain::destination::record::RequestType;
use futures_util::future::BoxFuture;

use self::authority::Authority;
use self::receiver::{Answer, Receiver};

/// The receivers' host name.
pub(crate) const HOST: &str = "hooks.example.com";
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Hosts that are not public, in various spellings.
pub(crate) const PRIVATE_HOSTS: [&str; 20] = [
    "127.1",
    "0x7f.1",
    "2130706433",
    "0177.0.0.1",
    "１２７.０.０.１",
    "127。0。0。1",
    "127.0.0.1.",
    "[::]",
    "0",
    "169.254.100.1",
    "169.254.169.254",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[fd00:ec2::254]",
    "localhost",
    "localhost.",
    "ｌocalhost",
    "intranet",
    "db.internal",
];

/// Far apart, so that an outcome shows which limit ended the attempt.
pub(crate) const LIMITS: Limits =
    Limits { connect: Duration::from_millis(400), total: Duration::from_millis(900) };

/// How much later than its limit an attempt may end: row 4.
const TOLERANCE: Duration = Duration::from_millis(500);

/// A resolver that gives every name these addresses.
pub(crate) struct Addresses(pub(crate) Vec<IpAddr>);

impl NameResolver for Addresses {
    fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let addresses = self.0.clone();
        Box::pin(async move { Ok(addresses) })
    }
}

/// A sender that trusts the authority and resolves every name to this machine.
pub(crate) fn sender(authority: &Authority) -> HttpSender {
    sender_with(authority, EgressPolicy::PublicAndLoopback, Addresses(vec![LOOPBACK]))
}

pub(crate) fn sender_with(
    authority: &Authority,
    policy: EgressPolicy,
    names: impl NameResolver + 'static,
) -> HttpSender {
    HttpSender::with(policy, &[authority.root()], LIMITS, Arc::new(names)).unwrap()
}

fn post(url: &str) -> WebhookRequest {
    WebhookRequest {
        method: RequestType::Post,
        url: url.parse().unwrap(),
        headers: vec![("webhook-attempt".to_owned(), "1".to_owned())],
        body: "the payload".into(),
        trimmed: &[],
    }
}

/// Sends one webhook to this URL, and asserts that the error contains nothing of the URL or the body.
pub(crate) async fn attempt(sender: &HttpSender, url: &str) -> Outcome {
    let outcome = sender.send(post(url)).await;
    let error = outcome.error.clone().unwrap_or_default();
    assert!(!["hunter2", "/hook", "payload"].iter().any(|secret| error.contains(secret)), "{error}");
    outcome
}

/// Sends one webhook to a receiver that gives this answer.
async fn send_to(answer: Answer) -> (Outcome, Receiver) {
    let authority = Authority::new();
    let receiver = Receiver::https(authority.identity(HOST), answer).await;
    let outcome = attempt(&sender(&authority), &receiver.url()).await;
    (outcome, receiver)
}

/// Sends one webhook to a receiver that answers with these bytes.
async fn send_to_bytes(answer: impl Into<Vec<u8>>) -> Outcome {
    let (outcome, receiver) = send_to(Answer::Bytes(answer.into())).await;
    assert_eq!(receiver.requests().len(), 1, "one request for one attempt");
    outcome
}
