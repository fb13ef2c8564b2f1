//! Which hosts a URL may name.

use std::net::{IpAddr, Ipv4Addr};

use url::Host;

use crate::destination::egress::EgressPolicy;

/// Longest name and label in DNS: RFC 1035, 2.3.4; a name takes at most 253 characters as text.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Top-level labels that resolve to nothing, or to this machine: the special-use names of RFC 6761
/// (<https://www.iana.org/assignments/special-use-domain-names>; `arpa` holds the reverse zones and `home.arpa`).
const RESERVED_TLDS: [&str; 7] = ["alt", "arpa", "example", "invalid", "localhost", "onion", "test"];

/// Top-level labels that resolve in private DNS only: `internal`, which ICANN reserves for private use, and those that
/// RFC 6762, appendix G, found in private networks.
const PRIVATE_TLDS: [&str; 7] = ["corp", "home", "internal", "intranet", "lan", "local", "private"];

/// The name by which every machine reaches itself.
const LOCALHOST: &str = "localhost";

/// Checks an address against the policy, and a name against what public DNS can hold. `url` has already turned every
/// spelling of an address (`127.1`, `2130706433`, `0x7f.1`, full-width digits) into the address.
pub(super) fn check(host: &Host<&str>, policy: &EgressPolicy) -> Result<(), String> {
    match host {
        Host::Domain(LOCALHOST) if policy.permits(Ipv4Addr::LOCALHOST.into()) => Ok(()),
        Host::Domain(name) => check_name(name, policy.allows_private_names()),
        Host::Ipv4(ip) => check_address((*ip).into(), policy),
        Host::Ipv6(ip) => check_address((*ip).into(), policy),
    }
}

/// Whether the URL itself says that the host is this machine.
pub(super) fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == LOCALHOST,
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

fn check_address(ip: IpAddr, policy: &EgressPolicy) -> Result<(), String> {
    if policy.permits(ip) { Ok(()) } else { Err(format!("names {ip}, which is not a public address")) }
}

fn check_name(name: &str, allows_private: bool) -> Result<(), String> {
    if name.len() > MAX_NAME {
        return Err(format!("must have a host name of at most {MAX_NAME} characters"));
    }
    // It would also appear in `Host` and in the certificate check, where most servers do not know their name with a dot.
    if name.ends_with('.') {
        return Err("must have a host name without a trailing dot".to_owned());
    }
    name.split('.').try_for_each(check_label)?;
    let Some((_, last)) = name.rsplit_once('.') else {
        return Err("must have a full host name, such as hooks.example.com".to_owned());
    };
    if RESERVED_TLDS.contains(&last) || (PRIVATE_TLDS.contains(&last) && !allows_private) {
        return Err(format!("must name a public host; names under .{last} are reserved or private"));
    }
    Ok(())
}

/// Checks one of the parts between dots. Underscores are nonstandard but in use.
fn check_label(label: &str) -> Result<(), String> {
    let rule = if label.is_empty() {
        return Err("must have a host name without empty parts, such as hooks.example.com".to_owned());
    } else if label.len() > MAX_LABEL {
        "is longer than the 63 characters that a part may have"
    } else if label.starts_with('-') || label.ends_with('-') {
        "starts or ends with a hyphen"
    } else if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        "has a character that is neither a letter, a digit, a hyphen nor an underscore"
    } else {
        return Ok(());
    };
    Err(format!("must have a valid host name: its part {label} {rule}"))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::destination::egress::allowed::AllowedNetworks;
    use EgressPolicy::{PublicAndLoopback, PublicOnly};

    fn admits(policy: &EgressPolicy, host: &str) -> bool {
        let url = Url::parse(&format!("https://{host}/")).unwrap();
        check(&url.host().unwrap(), policy).is_ok()
    }

    #[test]
    fn public_hosts_are_taken() {
        for host in
            "example.com a.b.c.example.co.uk bücher.example.de my_host.example.com 93.184.215.14 [2600::1]"
                .split(' ')
        {
            assert!(admits(&PublicOnly, host), "{host}");
        }
    }

    #[test]
    fn no_spelling_of_a_blocked_address_is_taken() {
        for host in
            "127.0.0.1 127.1 0x7f.1 0X7F000001 2130706433 0177.0.0.1 017700000001 127.0.0.1. １２７.0.0.1
            127。0。0。1 %31%32%37.0.0.1 0 0x [::] [::1] [::ffff:127.0.0.1] [0:0:0:0:0:ffff:7f00:1]
            [64:ff9b::7f00:1] [fd00:ec2::254] [fe80::1] 169.254.169.254 169.254.100.1 2852039166
            0xa9.0xfe.0xa9.0xfe 10.1 192.168.1 255.255.255.255"
                .split_whitespace()
        {
            assert!(!admits(&PublicOnly, host), "{host}");
        }
    }

    #[test]
    fn names_that_public_dns_cannot_hold_are_refused() {
        let long_label = format!("{}.example.com", "a".repeat(64));
        let long_name = format!("{}example.com", "abcdefghi.".repeat(25));
        for host in
            "localhost localhost. LOCALHOST ｌocalhost a.localhost intranet example.com. a..com .example.com
            printer.local db.internal nas.home.arpa 1.0.0.127.in-addr.arpa a.test a.invalid a.onion router.lan
            a\"b.example.com a`b.example.com {a}.example.com *.example.com -a.example.com a-.example.com"
                .split_whitespace()
                .chain([long_label.as_str(), &long_name])
        {
            assert!(!admits(&PublicOnly, host), "{host}");
        }
    }

    #[test]
    fn each_wrong_name_gets_its_own_reason() {
        let corpus = include_str!("../../../../../tests/corpus/hostile/hosts.txt");
        for line in corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (host, reason) = line.split_once(" | ").unwrap();
            let host = host.replace("{64}", &"a".repeat(64)).replace("{250}", &"abcdefghi.".repeat(25));
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            let refused = check(&url.host().unwrap(), &PublicOnly).unwrap_err();
            assert!(refused.contains(reason), "{host}: {refused}");
        }
    }

    #[test]
    fn private_names_are_taken_where_private_networks_are() {
        let policy = EgressPolicy::PublicAndAllowed(AllowedNetworks::parse("10.20.0.0/16").unwrap());
        for host in ["crm.internal", "printer.local", "10.20.0.1", "example.com"] {
            assert!(admits(&policy, host), "{host}");
        }
        for host in ["localhost", "127.0.0.1", "10.21.0.1", "a.test", "nas.home.arpa", "crm"] {
            assert!(!admits(&policy, host), "{host}");
        }
    }

    #[test]
    fn this_machine_is_taken_when_the_policy_says_so() {
        for host in ["localhost", "127.0.0.1", "127.1", "[::1]"] {
            assert!(admits(&PublicAndLoopback, host), "{host}");
        }
        for host in ["localhost.", "a.localhost", "0.0.0.0", "10.0.0.1", "db.internal", "[::ffff:127.0.0.1]"]
        {
            assert!(!admits(&PublicAndLoopback, host), "{host}");
        }
    }
}
