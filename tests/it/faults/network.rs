//! Names, addresses and TLS: rows 14 to 20.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapters::aws::Clients;
use adapters::sender::NameResolver;
use adapters::system::{SystemClock, SystemRandomness};
use destinations::{Config, Manage};
use domain::destination::egress::EgressPolicy;
use domain::destination::egress::allowed::AllowedNetworks;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::Command;

use super::rounds::Rounds;
use crate::sender::authority::{Authority, self_signed_identity};
use crate::sender::receiver::{Answer, Receiver};
use crate::sender::{Addresses, HOST, LOOPBACK, PRIVATE_HOSTS, sender, sender_with};
use crate::tools;
use crate::world::{World, own_address};

/// A resolver that gives these answers in turn for every name and repeats the last one.
struct Answers(Mutex<Vec<Result<String, String>>>);

impl Answers {
    fn new(answers: &[Result<&str, &str>]) -> Self {
        let owned = |answer: &Result<&str, &str>| answer.map(str::to_owned).map_err(str::to_owned);
        Self(Mutex::new(answers.iter().rev().map(owned).collect()))
    }
}

impl NameResolver for Answers {
    fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop().unwrap() } else { answers[0].clone() };
        Box::pin(async move {
            let addresses = answer.map_err(io::Error::other)?;
            Ok(addresses.split(' ').map(|address| address.parse().unwrap()).collect())
        })
    }
}

/// The outcomes of a delivery's attempts, and its final status.
type Story = (Vec<&'static str>, &'static str);

/// Runs one delivery to its end, with this receiver and this resolver.
async fn play(
    receiver: Receiver,
    (policy, authority): (EgressPolicy, &Authority),
    names: impl NameResolver + 'static,
    expected: Story,
) {
    let mut rounds = Rounds::start(sender_with(authority, policy, names)).await;
    let destination = rounds.destination(receiver).await;
    rounds.accept("c-1").await;
    rounds.drain().await;
    assert_eq!(rounds.story(&destination).await, expected);
    rounds.check().await;
}

fn four(outcome: &'static str) -> Story {
    (vec![outcome; 4], "exhausted")
}

#[tokio::test(flavor = "multi_thread")]
async fn row_14_a_name_that_is_not_found_is_looked_up_again() {
    let authority = Authority::new();
    for failure in ["Name or service not known", "Temporary failure in name resolution"] {
        let names = Answers::new(&[Err(failure)]);
        play(Receiver::canary().await, (EgressPolicy::PublicOnly, &authority), names, four("dns")).await;
    }
    let receiver = Receiver::https(authority.identity(HOST), Answer::status(200)).await;
    let names = Answers::new(&[Err("Temporary failure in name resolution"), Ok("127.0.0.1")]);
    let expected = (vec!["dns", "success"], "delivered");
    play(receiver, (EgressPolicy::PublicAndLoopback, &authority), names, expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_14_a_resolver_that_hangs_is_given_up() {
    struct Silent;
    impl NameResolver for Silent {
        fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            Box::pin(std::future::pending())
        }
    }
    let policy = (EgressPolicy::PublicOnly, &Authority::new());
    play(Receiver::canary().await, policy, Silent, four("dns")).await;
}

/// The name first resolves to a receiver that is allowed, then to loopback, where a canary listens on the same port.
#[tokio::test(flavor = "multi_thread")]
async fn row_15_a_name_that_leads_elsewhere_at_the_next_attempt_is_blocked() {
    let Some(own) = own_address().await else { return tools::missing("an address besides loopback") };
    let allowed = EgressPolicy::PublicAndAllowed(AllowedNetworks::parse(&format!("{own}/32")).unwrap());
    let authority = Authority::new();
    for second in ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
        let names = Answers::new(&[Ok(&own), Ok(second)]);
        let sender = sender_with(&authority, allowed.clone(), names);
        let mut rounds = Rounds::start(sender).await;
        let (receiver, canary) = loop {
            let fails = vec![Answer::status(500)];
            let receiver = Receiver::https_at(own.parse().unwrap(), authority.identity(HOST), fails).await;
            // Another test may have this port at loopback.
            if let Ok(canary) = TcpListener::bind((LOOPBACK, receiver.port())).await {
                break (receiver, canary);
            }
        };
        let destination = rounds.destination(receiver).await;
        rounds.accept("c-1").await;
        rounds.drain().await;
        let expected = (vec!["http_error", "blocked", "blocked", "blocked"], "exhausted");
        assert_eq!(rounds.story(&destination).await, expected, "{second}");
        assert_eq!(rounds.requests_to(&destination), 1);
        rounds.check().await;
        assert!(canary.accept().now_or_never().is_none(), "{second}: the canary was reached");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_15_a_name_that_led_astray_for_a_moment_is_tried_again() {
    let Some(own) = own_address().await else { return tools::missing("an address besides loopback") };
    let allowed = EgressPolicy::PublicAndAllowed(AllowedNetworks::parse(&format!("{own}/32")).unwrap());
    let authority = Authority::new();
    let sender = sender_with(&authority, allowed, Answers::new(&[Ok("127.0.0.1"), Ok(&own)]));
    let mut rounds = Rounds::start(sender).await;
    let receiver =
        Receiver::https_at(own.parse().unwrap(), authority.identity(HOST), vec![Answer::status(200)]).await;
    let destination = rounds.destination(receiver).await;
    rounds.accept("c-1").await;
    rounds.drain().await;
    assert_eq!(rounds.story(&destination).await, (vec!["blocked", "success"], "delivered"));
    rounds.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_15_one_private_address_among_public_ones_blocks_every_attempt() {
    let authority = Authority::new();
    for addresses in ["93.184.215.14 127.0.0.1", "fe80::1", "fd00:ec2::254", "::1 2600::1"] {
        let names = Answers::new(&[Ok(addresses)]);
        let policy = (EgressPolicy::PublicOnly, &authority);
        play(Receiver::canary().await, policy, names, four("blocked")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_a_private_host_is_blocked_when_it_is_forced_into_the_table() {
    let canary = Receiver::canary().await;
    let names = Addresses(vec!["93.184.215.14".parse().unwrap()]);
    let sender = sender_with(&Authority::new(), EgressPolicy::PublicOnly, names);
    let mut rounds = Rounds::start(sender).await;
    let mut destinations = Vec::new();
    for host in PRIVATE_HOSTS {
        let destination = rounds.destination(Receiver::canary().await).await;
        let url = format!("https://{host}:{}/", canary.port());
        rounds.site.world.force_url(&rounds.site.customer, destination.as_str(), &url).await;
        destinations.push((host, destination));
    }
    rounds.accept("c-1").await;
    rounds.drain().await;
    for (host, destination) in &destinations {
        assert_eq!(rounds.story(destination).await, four("blocked"), "{host}");
    }
    assert_eq!(canary.connections(), 0);
    rounds.check().await;
}

/// Calls the function as deployed, because the local stack's egress policy allows this machine.
#[tokio::test(flavor = "multi_thread")]
async fn row_18_what_no_webhook_can_go_to_is_refused_at_registration() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let config = Config::read(&world.stack.environment).unwrap();
    let Clients { dynamodb, kms, .. } = world.stack.clients.clone();
    let manage = Manage::new(config, dynamodb, kms, Arc::new(SystemClock), Arc::new(SystemRandomness));
    let sample: Value =
        serde_json::from_str(include_str!("../../../events/destinations/create-destination.json")).unwrap();
    let register = async |url: &str| {
        let mut event = sample.clone();
        event["headers"]["x-api-key"] = json!(customer.key);
        event["body"] = json!(json!({"name": "x", "url": url}).to_string());
        let event = serde_json::value::to_raw_value(&event).unwrap();
        let answer = manage.handle(LambdaEvent::new(event, Context::default())).await.unwrap();
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        (answer["statusCode"].as_u64().unwrap(), body)
    };
    let hosts = PRIVATE_HOSTS.map(|host| format!("https://{host}/"));
    let others = [
        "http://hooks.example.com/",
        "https://user@hooks.example.com/",
        "https://user:secret@hooks.example.com/",
        "https://hooks.example.com/#here",
        "https://hooks.example.com:22/",
        "https://hooks/",
        "https://hooks.example.com./",
    ];
    for url in hosts.iter().map(String::as_str).chain(others) {
        let (status, problem) = register(url).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("url")), "{url}: {problem}");
    }
    let none = customer.get("/v1/destinations").await;
    assert_eq!(none["destinations"], json!([]));
    assert_eq!(register("https://hooks.example.com/").await.0, 201);
}

/// The environment belongs to the whole process, so the test with a proxy in it runs in a separate process.
#[tokio::test]
async fn row_17_a_proxy_in_the_environment_sees_nothing() {
    let proxy = Receiver::canary().await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--ignored", "faults::network::in_an_environment_with_a_proxy"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        child.env(name, format!("http://127.0.0.1:{}", proxy.port()));
    }
    let output =
        child.env_remove("NO_PROXY").env_remove("no_proxy").stdin(Stdio::null()).output().await.unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && report.contains("1 passed"), "{report}");
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test above, with a proxy in its environment"]
async fn in_an_environment_with_a_proxy() {
    let authority = Authority::new();
    let receiver = Receiver::https(authority.identity(HOST), Answer::status(200)).await;
    let policy = (EgressPolicy::PublicAndLoopback, &authority);
    play(receiver, policy, Addresses(vec![LOOPBACK]), (vec!["success"], "delivered")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_19_what_is_wrong_with_tls_ends_each_attempt() {
    let authority = Authority::new();
    let never = || Answer::Bytes(Vec::new());
    let receivers = [
        Receiver::https(authority.expired_identity(HOST), never()).await,
        Receiver::https(self_signed_identity(HOST), never()).await,
        Receiver::https(authority.identity("other.example.com"), never()).await,
        Receiver::raw(|mut stream| async move {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        })
        .await,
        Receiver::raw(|stream| async move {
            let _open = stream;
            std::future::pending::<()>().await;
        })
        .await,
    ];
    let mut rounds = Rounds::start(sender(&authority)).await;
    let mut destinations = Vec::new();
    for receiver in receivers {
        destinations.push(rounds.destination(receiver).await);
    }
    rounds.accept("c-1").await;
    rounds.drain().await;
    let mut sentences = Vec::new();
    for destination in &destinations {
        assert_eq!(rounds.story(destination).await, four("tls"));
        sentences.push(rounds.last_error(destination).await);
    }
    let told_apart: BTreeSet<_> = sentences.iter().collect();
    assert_eq!(told_apart.len(), sentences.len(), "{sentences:?}");
    rounds.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_20_who_takes_no_connection_is_asked_again() {
    let mut rounds = Rounds::start(sender(&Authority::new())).await;
    // Bound, so that nobody else takes the ports. The first does not listen; the second's queue is full, so Linux drops
    // SYNs.
    let [refuses, full] = [TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap()];
    for socket in [&refuses, &full] {
        socket.bind((LOOPBACK, 0).into()).unwrap();
    }
    let full = full.listen(1).unwrap();
    let drops = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(drops)).await
    {
        waiting.push(stream);
    }
    let mut destinations = Vec::new();
    for port in [refuses.local_addr().unwrap().port(), drops.port()] {
        let destination = rounds.destination(Receiver::canary().await).await;
        let url = format!("https://{HOST}:{port}/");
        rounds.site.world.force_url(&rounds.site.customer, destination.as_str(), &url).await;
        destinations.push(destination);
    }
    rounds.accept("c-1").await;
    rounds.drain().await;
    for destination in &destinations {
        assert_eq!(rounds.story(destination).await, four("connect"));
    }
    rounds.check().await;
}
