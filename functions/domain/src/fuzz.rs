//! What must hold of any input: queue messages, destination URLs, cursors, records.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;
use url::Host;

use crate::address::AddressPolicy;
use crate::change::Change;
use crate::delivery_log::{Filter, Position, seal, unseal};
use crate::fakes::{Fuzz, assert_readable, sample};
use crate::json::Fields;
use crate::messages::Message;
use crate::target_url::{TargetUrl, check_reach};
use crate::timestamp::Timestamp;

#[test]
fn a_message_is_ours_or_it_does_not_parse() {
    let fuzz = Fuzz::of("messages")
        .with_samples("dispatch", |sample| Some(sample.pointer("/Records/0/body")?.as_str()?.to_owned()));
    fuzz.run(|input| {
        let Ok(body) = std::str::from_utf8(input) else { return };
        let Ok(message) = Message::parse(body) else { return };
        assert_eq!(Message::parse(&message.body()).unwrap(), message);
        let fields: Value = serde_json::from_str(body).unwrap();
        assert_eq!(fields["v"], 1, "another version");
        let known = serde_json::from_str::<Value>(&message.body()).unwrap();
        let all = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(all(&fields), all(&known), "a field that nobody reads");
    });
}

/// What the address table says, told by the standard library and for the best known blocks only.
fn is_certainly_private(ip: IpAddr) -> bool {
    let v4 = |ip: Ipv4Addr| {
        ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || ip.is_multicast()
    };
    let v6 = |ip: Ipv6Addr| {
        let first = ip.segments()[0];
        ip.is_loopback() || ip.is_unspecified() || ip.to_ipv4().is_some() || first & 0xe000 != 0x2000
    };
    match ip {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => v6(ip),
    }
}

#[test]
fn a_url_that_is_taken_can_be_sent_to_and_leads_to_no_private_address() {
    Fuzz::of("urls").run(|input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let policy = AddressPolicy::PublicOnly;
        let taken = match TargetUrl::parse(text, &policy) {
            Ok(taken) => taken,
            Err(error) => return assert_readable(&error),
        };
        let url = taken.as_url();
        assert_eq!(
            TargetUrl::parse(url.as_str(), &policy),
            Ok(taken.clone()),
            "it is kept as it was checked"
        );
        assert_eq!(check_reach(url, &policy), Ok(()), "at every connect");
        assert_eq!(url.scheme(), "https");
        assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
        let port = url.port_or_known_default().unwrap();
        assert!(port == 443 || port == 8443 || port >= 1024, "{url}");
        match url.host().unwrap() {
            Host::Ipv4(ip) => assert!(!is_certainly_private(ip.into()), "{url}"),
            Host::Ipv6(ip) => assert!(!is_certainly_private(ip.into()), "{url}"),
            Host::Domain(name) => {
                assert!(name.contains('.') && name.parse::<IpAddr>().is_err(), "{url}");
                assert!(!name.ends_with('.') && !name.ends_with("localhost") && !name.ends_with(".internal"));
            }
        }
    });
}

#[test]
fn a_cursor_is_the_one_that_was_given_out() {
    let (account, filter, secret) = (sample::account(), Filter::default(), [7; 32]);
    let position = Position {
        created_at: Timestamp::from_millis(1_788_256_800_000),
        delivery_id: sample::delivery().id,
    };
    let genuine = seal(&position, &account, &filter, &secret);
    Fuzz::of("cursors").with_seed(genuine.clone()).run(|input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        match unseal(text, &account, &filter, &secret) {
            Ok(found) => assert_eq!((text, &found), (genuine.as_str(), &position)),
            Err(error) => assert_eq!(error.field, "cursor"),
        }
    });
}

/// What a platform says of a conversation, in every flow.
#[test]
fn a_record_is_taken_or_a_field_is_named() {
    let fuzz = Fuzz::of("bodies").with_samples("ingest", |sample| {
        let route = sample["routeKey"].as_str()?;
        (route.starts_with("PUT") || route.ends_with("hangup")).then_some(sample["body"].as_str()?.to_owned())
    });
    fuzz.run(|input| {
        let Ok(fields) = serde_json::from_slice::<Fields>(input) else { return };
        if let Err(error) = Change::parse(fields) {
            assert_readable(&error);
        }
    });
}
