//! Name resolution that returns only permitted addresses. The client connects to these and no others, so a name that is
//! changed after registration (DNS rebinding) gains nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use domain::destination::egress::EgressPolicy;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::phase::{self, Phase};

/// Resolves host names to addresses, without checking them.
pub trait NameResolver: Send + Sync {
    /// Looks up all addresses of a host name.
    fn lookup(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The operating system's name resolution.
pub struct SystemResolver;

impl NameResolver for SystemResolver {
    fn lookup(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let name = absolute(name);
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name, 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}

/// Appends the dot that makes a name absolute in DNS, so that the machine's search domains are not tried. `localhost`
/// stays unchanged: `/etc/hosts` lists it without a dot.
fn absolute(name: &str) -> String {
    if name.contains('.') { format!("{name}.") } else { name.to_owned() }
}

/// Why a name gives no permitted address.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("could not be resolved")]
    Unresolved(#[source] io::Error),
    #[error("has no address")]
    NoAddress,
    #[error("resolves to {0}, which is not a public address")]
    Blocked(IpAddr),
}

/// The client's resolver: applies the egress policy to every result.
pub(super) struct GuardedResolver {
    policy: EgressPolicy,
    resolver: Arc<dyn NameResolver>,
}

impl GuardedResolver {
    pub(super) fn new(policy: EgressPolicy, resolver: Arc<dyn NameResolver>) -> Self {
        Self { policy, resolver }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookup) = (self.policy.clone(), self.resolver.lookup(name.as_str()));
        Box::pin(async move {
            phase::reached(Phase::Resolving);
            let addresses = permitted(&policy, lookup.await.map_err(Refusal::Unresolved)?)?;
            phase::reached(Phase::Connecting);
            // Port 0 means the URL's port.
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

/// All addresses, or none if any is not permitted: a mix of public and private addresses is an attack or a mistake, and
/// choosing from it would make the outcome random.
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
