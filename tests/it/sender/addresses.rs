//! Names and addresses that webhooks must not reach: rows 14, 15 and 16.

use std::io;
use std::net::IpAddr;

use adapters::sender::NameResolver;
use domain::delivery::outcome::OutcomeClass;
use domain::destination::egress::EgressPolicy;
use futures_util::future::BoxFuture;

use super::authority::Authority;
use super::receiver::Receiver;
use super::{Addresses, HOST, PRIVATE_HOSTS, attempt, sender, sender_with};

#[tokio::test]
async fn row_14_a_name_that_does_not_exist_is_told_from_a_blocked_one() {
    struct Unknown;
    impl NameResolver for Unknown {
        fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            Box::pin(async { Err(io::Error::other("Name or service not known")) })
        }
    }
    let sender = sender_with(&Authority::new(), EgressPolicy::PublicOnly, Unknown);
    let outcome = attempt(&sender, "https://hooks.example.com/?token=hunter2").await;
    assert_eq!(outcome.class, OutcomeClass::Dns);
    let error = outcome.error.unwrap();
    assert_eq!(error, "The host name hooks.example.com could not be resolved: Name or service not known.");
}

#[tokio::test]
async fn row_15_a_name_that_leads_to_a_private_address_is_blocked() {
    let authority = Authority::new();
    let canary = Receiver::canary().await;
    let url = format!("https://{HOST}:{}/", canary.port());
    for answer in [
        "127.0.0.1",
        "93.184.215.14 127.0.0.1",
        "127.0.0.1 93.184.215.14",
        "2600::1 10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "::1",
        "fe80::1",
        "fd00:ec2::254",
        "169.254.169.254",
    ] {
        let addresses = answer.split(' ').map(|address| address.parse().unwrap()).collect();
        let sender = sender_with(&authority, EgressPolicy::PublicOnly, Addresses(addresses));
        let outcome = attempt(&sender, &url).await;
        assert_eq!(outcome.class, OutcomeClass::Blocked, "{answer}: {:?}", outcome.error);
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn row_16_a_forbidden_host_is_blocked_however_it_came_into_the_table() {
    let authority = Authority::new();
    let canary = Receiver::canary().await;
    let sender =
        sender_with(&authority, EgressPolicy::PublicOnly, Addresses(vec!["93.184.215.14".parse().unwrap()]));
    for host in PRIVATE_HOSTS {
        let outcome = attempt(&sender, &format!("https://{host}:{}/", canary.port())).await;
        assert_eq!(outcome.class, OutcomeClass::Blocked, "{host}: {:?}", outcome.error);
    }
    for url in ["http://93.184.215.14/", "https://93.184.215.14:22/", "https://hooks.example.com:6379/"] {
        assert_eq!(attempt(&sender, url).await.class, OutcomeClass::Blocked, "{url}");
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn loopback_is_all_that_the_local_policy_adds() {
    let sender = sender(&Authority::new());
    for host in ["0.0.0.0", "[::]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"] {
        let outcome = attempt(&sender, &format!("https://{host}:8443/")).await;
        assert_eq!(outcome.class, OutcomeClass::Blocked, "{host}: {:?}", outcome.error);
    }
}
