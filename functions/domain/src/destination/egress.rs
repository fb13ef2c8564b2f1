//! The egress policy: which addresses webhooks may be sent to. Customers choose the URLs, so without it the sender
//! would give access to every network that its machine can reach.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

pub mod allowed;
mod network;

use crate::destination::egress::allowed::AllowedNetworks;
use crate::destination::egress::network::{v4, v6};

/// The addresses that webhooks may be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EgressPolicy {
    /// Public addresses only: the default in a Lambda function.
    PublicOnly,
    /// Some private networks as well, for an operator that runs Ringback beside the systems that it calls.
    PublicAndAllowed(AllowedNetworks),
    /// This machine as well, for the local stack and for tests. It deliberately has no text form, so no binary that
    /// runs in Lambda can be configured to use it.
    PublicAndLoopback,
}

impl EgressPolicy {
    /// Whether a connection to this address is allowed.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        is_public(address)
            || match self {
                Self::PublicOnly => false,
                Self::PublicAndAllowed(networks) => networks.contain(address),
                Self::PublicAndLoopback => address.is_loopback(),
            }
    }

    /// The same policy with this machine added, for the local stack. No text form leads here, so no binary that runs in
    /// Lambda can be configured to.
    #[must_use]
    pub fn and_loopback(self) -> Self {
        match self {
            Self::PublicOnly | Self::PublicAndLoopback => Self::PublicAndLoopback,
            Self::PublicAndAllowed(networks) => Self::PublicAndAllowed(networks.and_loopback()),
        }
    }

    /// Whether host names that only private DNS can resolve are allowed. Their addresses are checked like all others.
    #[must_use]
    pub fn allows_private_names(&self) -> bool {
        matches!(self, Self::PublicAndAllowed(_))
    }
}

/// Whether the address is global unicast and has no special purpose.
fn is_public(address: IpAddr) -> bool {
    // Every IPv6 form that contains an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) is itself special, so
    // none needs decoding.
    let unicast = address.is_ipv4() || IpNet::V6(V6_GLOBAL_UNICAST).contains(&address);
    unicast && !SPECIAL.iter().any(|net| net.contains(&address))
}

/// All that IANA has assigned for unicast: <https://www.iana.org/assignments/ipv6-unicast-address-assignments>.
/// Loopback, `::ffff:0:0/96` (IPv4-mapped), `64:ff9b::/96` (NAT64), `fc00::/7` (private, with the metadata service at
/// `fd00:ec2::254`), `fe80::/10` (link-local) and `ff00::/8` (multicast) are outside it.
const V6_GLOBAL_UNICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// The IANA special-purpose registries, with their globally reachable entries: those are relays and anycast services,
/// not web servers.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry>,
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>
const SPECIAL: [IpNet; 24] = [
    v4([0, 0, 0, 0], 8),            // this network; Linux treats 0.0.0.0 as loopback
    v4([10, 0, 0, 0], 8),           // private
    v4([100, 64, 0, 0], 10),        // shared by a carrier with its customers
    v4([127, 0, 0, 0], 8),          // loopback
    v4([169, 254, 0, 0], 16),       // link-local: the metadata service, Lambda's own endpoints
    v4([172, 16, 0, 0], 12),        // private
    v4([192, 0, 0, 0], 24),         // protocol assignments
    v4([192, 0, 2, 0], 24),         // documentation
    v4([192, 31, 196, 0], 24),      // AS112, which answers for private reverse zones
    v4([192, 52, 193, 0], 24),      // multicast tunnels (AMT)
    v4([192, 88, 99, 0], 24),       // 6to4 relays
    v4([192, 168, 0, 0], 16),       // private
    v4([192, 175, 48, 0], 24),      // AS112
    v4([198, 18, 0, 0], 15),        // benchmarks
    v4([198, 51, 100, 0], 24),      // documentation
    v4([203, 0, 113, 0], 24),       // documentation
    v4([224, 0, 0, 0], 4),          // multicast, from its own registry
    v4([240, 0, 0, 0], 4),          // reserved, with 255.255.255.255 (broadcast)
    v6([0x2001, 0, 0], 23),         // protocol assignments: Teredo, ORCHID, benchmarks
    v6([0x2001, 0xdb8, 0], 32),     // documentation
    v6([0x2002, 0, 0], 16),         // 6to4: holds an IPv4 address
    v6([0x2620, 0x4f, 0x8000], 48), // AS112
    v6([0x3ffe, 0, 0], 16),         // the former 6bone, returned
    v6([0x3fff, 0, 0], 20),         // documentation
];

#[cfg(test)]
pub(crate) mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn permits(policy: &EgressPolicy, text: &str) -> bool {
        policy.permits(text.parse().unwrap())
    }

    #[test]
    fn the_neighbours_of_special_blocks_are_public() {
        for text in "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
            169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0
            198.17.255.255 198.20.0.0 223.255.255.255 2000:: 2001:200:: 2001:db7:ffff:: 2001:db9::
            2003:: 2600:1f18::1 2620:4f:8001:: 3ffd:: 3fff:1000::"
            .split_whitespace()
        {
            assert!(permits(&EgressPolicy::PublicOnly, text), "{text}");
        }
    }

    #[test]
    fn what_is_not_public_is_blocked_to_its_last_address() {
        for text in "0.0.0.0 0.255.255.255 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255
            169.254.100.1 169.254.169.254 172.31.255.255 192.0.0.255 192.0.2.1 192.31.196.1 192.52.193.1
            192.88.99.1 192.168.255.255 192.175.48.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
            239.255.255.255 255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:93.184.215.14
            64:ff9b::7f00:1 64:ff9b:1::1 100::1 1fff:ffff:: 2001::1 2001:1ff:ffff:: 2001:db8:ffff::
            2002:7f00:1:: 2620:4f:8000:ffff:: 3ffe:ffff:: 3fff:fff:ffff:: 4000:: 5f00::1 fc00::1
            fd00:ec2::254 fe80::1 fec0::1 ff02::1"
            .split_whitespace()
        {
            assert!(!permits(&EgressPolicy::PublicOnly, text), "{text}");
        }
    }

    #[test]
    fn only_loopback_itself_is_added() {
        for text in ["127.0.0.1", "127.9.9.9", "::1"] {
            assert!(permits(&EgressPolicy::PublicAndLoopback, text), "{text}");
        }
        for text in ["0.0.0.0", "::", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
            assert!(!permits(&EgressPolicy::PublicAndLoopback, text), "{text}");
        }
    }

    /// The same rule, by the standard library and by octets.
    fn is_public_v4(ip: Ipv4Addr) -> bool {
        let special = ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_documentation();
        let block = matches!(
            ip.octets(),
            [0, ..]
                | [100, 64..=127, ..]
                | [198, 18 | 19, ..]
                | [224..=255, ..]
                | [192, 0, 0, _]
                | [192, 31, 196, _]
                | [192, 52, 193, _]
                | [192, 88, 99, _]
                | [192, 175, 48, _]
        );
        !special && !block
    }

    fn is_public_v6(ip: Ipv6Addr) -> bool {
        match ip.segments() {
            [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002 | 0x3ffe, ..] | [0x2620, 0x4f, 0x8000, ..] => false,
            [0x3fff, second, ..] => second > 0xfff,
            [first, ..] => (0x2000..0x4000).contains(&first),
        }
    }

    /// Addresses in and around the special blocks, which random addresses would miss.
    fn near_a_special_block() -> impl Strategy<Value = IpAddr> {
        (proptest::sample::select(SPECIAL.to_vec()), any::<u128>(), -2i128..=2).prop_map(
            |(net, randomness, step)| match net {
                IpNet::V4(net) => {
                    let edge = if randomness & 1 == 0 { net.network() } else { net.broadcast() };
                    IpAddr::V4(Ipv4Addr::from_bits(edge.to_bits().wrapping_add_signed(step as i32)))
                }
                IpNet::V6(net) => {
                    let edge = if randomness & 1 == 0 { net.network() } else { net.broadcast() };
                    IpAddr::V6(Ipv6Addr::from_bits(edge.to_bits().wrapping_add_signed(step)))
                }
            },
        )
    }

    pub(crate) fn is_public_by_oracle(address: IpAddr) -> bool {
        match address {
            IpAddr::V4(ip) => is_public_v4(ip),
            IpAddr::V6(ip) => is_public_v6(ip),
        }
    }

    fn agrees(address: IpAddr) -> bool {
        EgressPolicy::PublicOnly.permits(address) == is_public_by_oracle(address)
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_the_rule_told_another_way(address in any::<IpAddr>()) {
            prop_assert!(agrees(address), "{address}");
        }

        #[test]
        fn the_table_agrees_at_the_edges_of_its_blocks(address in near_a_special_block()) {
            prop_assert!(agrees(address), "{address}");
        }

        #[test]
        fn no_way_to_write_an_ipv4_address_in_ipv6_gets_through(ip in any::<Ipv4Addr>()) {
            let [a, b, c, d] = ip.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for wrapped in [
                ip.to_ipv6_mapped(),
                ip.to_ipv6_compatible(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !high, !low),
            ] {
                prop_assert!(!EgressPolicy::PublicAndLoopback.permits(wrapped.into()) || wrapped.is_loopback());
            }
        }
    }
}
