//! The URL of a destination, parsed and checked once, when a customer sets it.

mod host;
mod port;

use std::fmt;

use url::{ParseError, Url};

use crate::destination::egress::EgressPolicy;
use crate::shared::invalid::Invalid;

/// A URL that a webhook can be sent to: https, no user name, no fragment, a public host, a port for web servers.
///
/// Customers put tokens in paths and queries, so its `Debug` prints the host only.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl(Url);

impl TargetUrl {
    /// Longest URL. RFC 9110 (4.1) recommends support for 8,000 bytes; this leaves three quarters for a GET's payload.
    pub const MAX_BYTES: usize = 2048;

    /// Parses and checks a customer's URL. The result has the WHATWG's form: `HTTPS://0x7f.1/a b` becomes
    /// `https://127.0.0.1/a%20b`, so no spelling hides an address.
    pub fn parse(text: &str, policy: &EgressPolicy) -> Result<Self, Invalid> {
        let target = Self::from_stored(text)?;
        let url = &target.0;
        if text.len().max(url.as_str().len()) > Self::MAX_BYTES {
            return Err(invalid("must be at most 2,048 bytes"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("must not have a user name or password; use the destination's headers"));
        }
        if url.fragment().is_some() {
            return Err(invalid("must not have a fragment (#…), which is never sent to a server"));
        }
        check_egress(url, policy)?;
        Ok(target)
    }

    /// Parses a URL that [`parse`](Self::parse) has accepted. Does not check where it leads: a destination older than a
    /// rule must stay readable, to be corrected. The sender checks, with [`check_egress`].
    pub fn from_stored(text: &str) -> Result<Self, Invalid> {
        let url = Url::parse(text).map_err(|error| invalid(not_a_url(error)))?;
        check_https(&url)?;
        Ok(Self(url))
    }

    /// The URL itself.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Whether both lead to the same server: scheme, host and port.
    #[must_use]
    pub fn has_origin_of(&self, other: &Self) -> bool {
        self.0.origin() == other.0.origin()
    }

    /// The host: the only part that may be logged.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default() // an https URL has one
    }
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TargetUrl").field(&self.host()).finish()
    }
}

/// Checks, by the URL alone, whether a webhook may be sent to it; a name's addresses are checked when it is resolved.
/// Runs at registration and before every request, so that a URL that entered the table in another way is blocked too.
pub fn check_egress(url: &Url, policy: &EgressPolicy) -> Result<(), Invalid> {
    check_https(url)?;
    let host = url.host().ok_or_else(|| invalid("must name a host"))?;
    let port = url.port_or_known_default().unwrap_or_default();
    host::check(&host, policy).map_err(invalid)?;
    port::check(port, host::is_this_machine(&host)).map_err(invalid)
}

/// Why a text is not a URL, without the parser's own terms.
fn not_a_url(error: ParseError) -> &'static str {
    match error {
        ParseError::RelativeUrlWithoutBase => "is not a URL: it must start with https://",
        ParseError::EmptyHost => "is not a URL: it names no host",
        ParseError::InvalidPort => "is not a URL: its port is not a number up to 65535",
        ParseError::InvalidIpv4Address | ParseError::InvalidIpv6Address => {
            "is not a URL: its host is not a valid IP address"
        }
        ParseError::IdnaError | ParseError::InvalidDomainCharacter => {
            "is not a URL: its host has characters that a host name cannot have"
        }
        _ => "is not a URL such as https://hooks.example.com/webhooks",
    }
}

fn check_https(url: &Url) -> Result<(), Invalid> {
    if url.scheme() == "https" { Ok(()) } else { Err(invalid("must use https://")) }
}

fn invalid(rule: impl Into<std::borrow::Cow<'static, str>>) -> Invalid {
    Invalid::new("url", rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> String {
        TargetUrl::parse(text, &EgressPolicy::PublicOnly)
            .err()
            .map(|e| e.rule.into_owned())
            .unwrap_or_default()
    }

    #[test]
    fn what_is_kept_is_what_is_sent() {
        let url =
            TargetUrl::parse(" HTTPS://Hooks.Example.com:443/a b?t=1 ", &EgressPolicy::PublicOnly).unwrap();
        assert_eq!(url.as_url().as_str(), "https://hooks.example.com/a%20b?t=1");
        assert_eq!(TargetUrl::from_stored(url.as_url().as_str()).unwrap(), url);
    }

    #[test]
    fn what_is_no_url_is_told_without_the_parsers_words() {
        for (text, expected) in [
            ("hooks.example.com", "is not a URL: it must start with https://"),
            ("/hooks", "is not a URL: it must start with https://"),
            ("", "is not a URL: it must start with https://"),
            ("https://", "is not a URL: it names no host"),
            ("https://?a=b", "is not a URL: it names no host"),
            ("https://example.com:99999", "is not a URL: its port is not a number up to 65535"),
            ("https://example.com:port", "is not a URL: its port is not a number up to 65535"),
            ("https://1.2.3.400", "is not a URL: its host is not a valid IP address"),
            ("https://[::g]", "is not a URL: its host is not a valid IP address"),
            ("https://exa mple.com", "is not a URL: its host has characters that a host name cannot have"),
            ("https://exa<mple.com", "is not a URL: its host has characters that a host name cannot have"),
        ] {
            assert_eq!(rule(text), expected, "{text}");
        }
    }

    #[test]
    fn what_no_webhook_can_be_sent_to_is_refused() {
        for (text, expected) in [
            ("hooks.example.com", "is not a URL"),
            ("https://", "is not a URL"),
            ("http://example.com", "must use https://"),
            ("ftp://example.com", "must use https://"),
            ("https://user@example.com", "must not have a user name"),
            ("https://:secret@example.com", "must not have a user name"),
            ("https://example.com/#", "must not have a fragment"),
            ("https://example.com:22", "names port 22"),
            ("https://10.0.0.1", "names 10.0.0.1"),
            ("https://localhost.", "must have a host name without a trailing dot"),
            ("https://localhost", "must have a full host name"),
        ] {
            assert!(rule(text).starts_with(expected), "{text}: {}", rule(text));
        }
    }

    #[test]
    fn length_is_counted_as_given_and_as_sent() {
        let url = |path: String| format!("https://example.com/{path}");
        assert_eq!(rule(&url("x".repeat(2028))), "");
        assert_eq!(rule(&url("x".repeat(2029))), "must be at most 2,048 bytes");
        assert_eq!(
            rule(&url("ü".repeat(500))),
            "must be at most 2,048 bytes",
            "3,000 bytes once percent-encoded"
        );
        assert_eq!(
            rule(&format!("{}{}", " ".repeat(2048), url(String::new()))),
            "must be at most 2,048 bytes"
        );
    }

    #[test]
    fn path_and_query_are_not_printed() {
        let url =
            TargetUrl::parse("https://example.com/hunter2?token=hunter2", &EgressPolicy::PublicOnly).unwrap();
        assert_eq!(format!("{url:?}"), r#"TargetUrl("example.com")"#);
    }
}
