//! Properties that hold for any destination URL.

use std::net::IpAddr;

use url::{Host, Url};

use crate::destination::egress::EgressPolicy;
use crate::destination::egress::allowed::AllowedNetworks;
use crate::destination::egress::tests::is_public_by_oracle;
use crate::destination::target_url::{TargetUrl, check_egress};
use crate::testing::fakes::{Fuzz, assert_readable};

/// Parts of addresses and hosts.
const WORDS: [&str; 24] = [
    "127.0.0.1",
    "10.20.0.1",
    "169.254.169.254",
    "0x7f",
    "0177",
    "2130706433",
    "[::1]",
    "[::ffff:",
    "[64:ff9b::",
    "[2002:7f00:1::]",
    "[fd12:3456::1]",
    "%31",
    "%2e",
    "。",
    "１",
    "localhost",
    ".internal",
    "xn--",
    ":6379",
    ":443",
    "a@",
    "\\",
    "\t",
    "https://",
];

/// The networks that [`allowed`] checks independently.
const NETWORKS: &str = "10.20.0.0/16, fd12:3456::/32";

fn allowed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.octets().starts_with(&[10, 20]),
        IpAddr::V6(ip) => ip.segments().starts_with(&[0xfd12, 0x3456]),
    }
}

/// Whether the policy allows a connection to the address, computed independently from its numbers.
fn is_open(address: IpAddr, policy: &EgressPolicy) -> bool {
    is_public_by_oracle(address)
        || match policy {
            EgressPolicy::PublicOnly => false,
            EgressPolicy::PublicAndAllowed(_) => allowed(address),
            EgressPolicy::PublicAndLoopback => address.is_loopback(),
        }
}

/// The C library reads `0x7f.1` as an address, so no name may end like a number.
fn ends_like_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let digits = last.strip_prefix("0x").unwrap_or(last);
    digits.bytes().all(|b| b.is_ascii_digit()) || (last != digits && u64::from_str_radix(digits, 16).is_ok())
}

fn assert_egress(url: &Url, policy: &EgressPolicy) {
    let port = url.port_or_known_default().unwrap();
    assert!(port == 443 || port == 8443 || port >= 1024, "{url}");
    let address: IpAddr = match url.host().unwrap() {
        Host::Ipv4(ip) => ip.into(),
        Host::Ipv6(ip) => ip.into(),
        Host::Domain("localhost") => return assert_eq!(*policy, EgressPolicy::PublicAndLoopback),
        Host::Domain(name) => {
            assert!(name.contains('.') && !name.ends_with('.') && !ends_like_a_number(name), "{url}");
            assert!(!name.ends_with(".localhost"), "{url}");
            return assert!(!name.ends_with(".internal") || policy.allows_private_names(), "{url}");
        }
    };
    assert!(is_open(address, policy), "{url}");
    assert!(address.is_loopback() || ![22, 2375, 6379].contains(&port), "{url}");
}

#[test]
fn a_url_that_is_taken_can_be_sent_to_and_leads_to_no_closed_address() {
    let policies = [
        EgressPolicy::PublicOnly,
        EgressPolicy::PublicAndAllowed(AllowedNetworks::parse(NETWORKS).unwrap()),
        EgressPolicy::PublicAndLoopback,
    ];
    Fuzz::of("urls").with_words(&WORDS).run(|input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        for policy in &policies {
            let taken = match TargetUrl::parse(text, policy) {
                Ok(taken) => taken,
                Err(error) => {
                    assert_readable(&error);
                    continue;
                }
            };
            let url = taken.as_url();
            assert_eq!(
                TargetUrl::parse(url.as_str(), policy),
                Ok(taken.clone()),
                "parsing it again changes nothing"
            );
            assert_eq!(TargetUrl::from_stored(url.as_str()), Ok(taken.clone()), "it is stored unchanged");
            assert_eq!(check_egress(url, policy), Ok(()), "the check at connect accepts it");
            assert_eq!(url.scheme(), "https");
            assert!(url.username().is_empty() && url.password().is_none(), "{url}");
            assert!(url.fragment().is_none() && url.as_str().len() <= TargetUrl::MAX_BYTES, "{url}");
            assert_egress(url, policy);
        }
    });
}
