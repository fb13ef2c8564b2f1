//! Name resolution that leads to permitted addresses only. The client connects to what it returns and to nothing else,
//! so a name that pointed elsewhere at registration gains nothing by changing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use domain::destination::egress::EgressPolicy;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::step::{self, Step};

/// Turns names into addresses, unchecked.
pub trait Names: Send + Sync {
    /// All addresses of a host name.
    fn lookup(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The operating system's name resolution.
pub struct SystemNames;

impl Names for SystemNames {
    fn lookup(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let name = absolute(name);
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name, 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}

/// With the dot that ends a name in DNS, so that the search domains of the machine are not tried as well. `localhost`
/// stays as it is: it is looked up in `/etc/hosts`, which knows no dots.
fn absolute(name: &str) -> String {
    if name.contains('.') { format!("{name}.") } else { name.to_owned() }
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("could not be resolved")]
    Unresolved(#[source] io::Error),
    #[error("has no address")]
    NoAddress,
    #[error("leads to {0}, which is no public address")]
    Blocked(IpAddr),
}

/// What the client asks for addresses.
pub(super) struct GuardedResolver {
    policy: EgressPolicy,
    names: Arc<dyn Names>,
}

impl GuardedResolver {
    pub(super) fn new(policy: EgressPolicy, names: Arc<dyn Names>) -> Self {
        Self { policy, names }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookup) = (self.policy.clone(), self.names.lookup(name.as_str()));
        Box::pin(async move {
            step::reached(Step::Resolving);
            let addresses = permitted(&policy, lookup.await.map_err(Refusal::Unresolved)?)?;
            step::reached(Step::Connecting);
            // Port 0 stands for the URL's.
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

/// All of them or none: an answer that mixes public with private addresses is an attack or a mistake, and to pick from
/// it would make the outcome a matter of chance.
fn permitted(policy: &EgressPolicy, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Refusal> {
    match addresses.iter().find(|address| !policy.permits(**address)) {
        Some(blocked) => Err(Refusal::Blocked(*blocked)),
        None if addresses.is_empty() => Err(Refusal::NoAddress),
        None => Ok(addresses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(addresses: &str) -> Result<Vec<IpAddr>, Refusal> {
        permitted(
            &EgressPolicy::PublicOnly,
            addresses.split_whitespace().map(|a| a.parse().unwrap()).collect(),
        )
    }

    #[test]
    fn one_private_address_blocks_the_whole_answer() {
        assert_eq!(of("93.184.215.14 2600::1").unwrap().len(), 2);
        for addresses in
            ["127.0.0.1", "93.184.215.14 10.0.0.1", "2600::1 64:ff9b::7f00:1", "::ffff:127.0.0.1 2600::1"]
        {
            assert!(matches!(of(addresses), Err(Refusal::Blocked(_))), "{addresses}");
        }
    }

    #[test]
    fn an_empty_answer_leads_nowhere() {
        assert!(matches!(of(""), Err(Refusal::NoAddress)));
    }

    #[test]
    fn search_domains_are_not_tried() {
        assert_eq!(absolute("hooks.example.com"), "hooks.example.com.");
        assert_eq!(absolute("localhost"), "localhost");
    }
}
