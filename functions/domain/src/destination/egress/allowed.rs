//! Private networks in which an operator allows destinations.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv6Net};

use super::network::{v4, v6};

/// Allowed private networks. None that is read from text contains an address of the machine itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedNetworks(Arc<[IpNet]>);

impl AllowedNetworks {
    /// Reads networks such as `10.20.0.0/16, fd12:3456::/32`. The error omits the setting's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split(',').map(|network| parse_network(network.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// The same networks and this machine.
    pub(super) fn and_loopback(self) -> Self {
        Self(self.0.iter().copied().chain([v4([127, 0, 0, 0], 8), LOOPBACK_V6]).collect())
    }

    pub(super) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl fmt::Display for AllowedNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&networks.join(", "))
    }
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    let network: IpNet = text.parse().map_err(|_| {
        format!("must be networks such as 10.20.0.0/16, separated by commas; {text:?} is not a network")
    })?;
    if network != network.trunc() {
        return Err(format!("holds {network}, which is one address of the network {}", network.trunc()));
    }
    let overlaps = |forbidden: &IpNet| network.contains(forbidden) || forbidden.contains(&network);
    match FORBIDDEN.iter().find(|forbidden| overlaps(forbidden)) {
        Some(forbidden) => Err(format!("holds {network}, and no destination may ever be in {forbidden}")),
        None => Ok(network),
    }
}

const LOOPBACK_V6: IpNet = IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128));

/// Networks that lead, in any spelling, to this machine or to the services with its credentials, and networks in which
/// no host has an address.
const FORBIDDEN: [IpNet; 11] = [
    v4([0, 0, 0, 0], 8),        // this network; Linux treats 0.0.0.0 as loopback
    v4([127, 0, 0, 0], 8),      // loopback: Lambda's Runtime API
    v4([169, 254, 0, 0], 16),   // link-local: the metadata service, Lambda's own endpoints
    v4([224, 0, 0, 0], 4),      // multicast
    v4([240, 0, 0, 0], 4),      // reserved
    v6([0, 0, 0], 8),           // unspecified, loopback, IPv4 in IPv6 in several forms
    v6([0x2001, 0, 0], 32),     // Teredo: holds an IPv4 address
    v6([0x2002, 0, 0], 16),     // 6to4: holds an IPv4 address
    v6([0xfd00, 0xec2, 0], 32), // the metadata service
    v6([0xfe80, 0, 0], 10),     // link-local
    v6([0xff00, 0, 0], 8),      // multicast
];

#[cfg(test)]
mod tests {
    use super::super::EgressPolicy;
    use super::*;

    #[test]
    fn an_allowed_network_is_reached_and_its_neighbours_are_not() {
        let networks = AllowedNetworks::parse("10.20.0.0/16, fd12:3456::/32").unwrap();
        assert_eq!(networks.to_string(), "10.20.0.0/16, fd12:3456::/32");
        let policy = EgressPolicy::PublicAndAllowed(networks);
        for (address, permitted) in [
            ("10.20.0.0", true),
            ("10.20.255.255", true),
            ("fd12:3456:7::1", true),
            ("93.184.215.14", true),
            ("10.19.255.255", false),
            ("10.21.0.0", false),
            ("fd12:3457::1", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("::1", false),
            ("::ffff:10.20.0.1", false),
            ("64:ff9b::a14:1", false),
        ] {
            assert_eq!(policy.permits(address.parse().unwrap()), permitted, "{address}");
        }
    }

    #[test]
    fn the_local_stack_reaches_this_machine_besides_its_allowed_networks() {
        let networks = AllowedNetworks::parse("10.20.0.0/16").unwrap();
        let policy = EgressPolicy::PublicAndAllowed(networks).and_loopback();
        for (address, permitted) in [
            ("10.20.0.1", true),
            ("127.0.0.1", true),
            ("127.255.255.255", true),
            ("::1", true),
            ("10.21.0.1", false),
            ("::2", false),
            ("::ffff:127.0.0.1", false),
            ("169.254.169.254", false),
        ] {
            assert_eq!(policy.permits(address.parse().unwrap()), permitted, "{address}");
        }
        assert_eq!(EgressPolicy::PublicOnly.and_loopback(), EgressPolicy::PublicAndLoopback);
    }

    #[test]
    fn no_network_opens_the_machine_itself() {
        for text in
            "127.0.0.0/8 127.0.0.1/32 0.0.0.0/0 0.0.0.0/8 128.0.0.0/1 169.254.0.0/16 169.254.169.254/32
            169.254.100.1/32 224.0.0.0/8 255.255.255.255/32 ::/0 ::1/128 ::ffff:0:0/96 64:ff9b::/96 2000::/3
            2002:7f00::/24 fc00::/7 fd00:ec2::254/128 fe80::/64 ff02::/16"
                .split_whitespace()
        {
            let error = AllowedNetworks::parse(text).unwrap_err();
            assert!(error.contains("may ever be in"), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        for (text, named) in [
            ("", r#""" is not a network"#),
            ("10.0.0.0/8,", r#""" is not a network"#),
            ("10.0.0.0/8 10.1.0.0/16", "is not a network"),
            ("10.0.0.1", r#""10.0.0.1" is not a network"#),
            ("10.0.0.0/33", "is not a network"),
            ("internal", r#""internal" is not a network"#),
            ("10.0.0.1/8", "one address of the network 10.0.0.0/8"),
        ] {
            let error = AllowedNetworks::parse(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
