//! The API's public URL. Twilio signs the URL that it calls, so this must be the URL configured there.

use url::{Host, Position, Url};

use crate::config::{ConfigError, Vars};

/// The variable with the URL; empty if it is not configured.
const PUBLIC_URL: &str = "PUBLIC_URL";

/// The API's public URL. Never rebuilt from a request, whose host and path differ behind a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(Url);

impl PublicUrl {
    /// Reads `PUBLIC_URL`.
    pub fn read(vars: &impl Vars) -> Result<Option<Self>, ConfigError> {
        let url = vars.optional(PUBLIC_URL).map(|url| Self::parse(&url));
        url.transpose().map_err(|problem| ConfigError::new(PUBLIC_URL, problem))
    }

    /// Parses `https://api.example.com`, with an optional port and path prefix.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "is not a URL such as https://api.example.com")?;
        if !["https", "http"].contains(&url.scheme()) {
            return Err("must start with https:// or http://");
        }
        // The parser accepts these and drops or moves them, but Twilio signs the URL as it was written.
        let host = text.split_once("://").map_or("", |(_, rest)| rest);
        if host.is_empty() || host.starts_with('/') || text.contains(['?', '#', '@', ' ']) {
            return Err("must be a host with an optional port and path, and nothing else");
        }
        Ok(Self(url))
    }

    /// The URL for a path.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0.as_str().trim_end_matches('/'))
    }

    /// Whether it leads to the machine that it is used on, as the local stack's own address does: no provider calls it.
    #[must_use]
    pub fn is_of_this_machine(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Both spellings of the URL for a path (and query): without the port and with it.
    #[must_use]
    pub fn spellings(&self, path: &str) -> [String; 2] {
        let Self(url) = self;
        let port = url.port_or_known_default().map(|port| format!(":{port}"));
        [String::new(), port.unwrap_or_default()].map(|port| {
            let (host, prefix) = (&url[..Position::AfterHost], url.path().trim_end_matches('/'));
            format!("{host}{port}{prefix}{path}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_may_be_written_or_not() {
        for (text, expected) in [
            (
                "https://api.example.com",
                ["https://api.example.com/v1?a=b", "https://api.example.com:443/v1?a=b"],
            ),
            (
                "https://api.example.com:443/",
                ["https://api.example.com/v1?a=b", "https://api.example.com:443/v1?a=b"],
            ),
            ("http://127.0.0.1:4000", ["http://127.0.0.1/v1?a=b", "http://127.0.0.1:4000/v1?a=b"]),
            (
                "https://[::1]/ringback/",
                ["https://[::1]/ringback/v1?a=b", "https://[::1]:443/ringback/v1?a=b"],
            ),
        ] {
            assert_eq!(PublicUrl::parse(text).unwrap().spellings("/v1?a=b"), expected, "{text}");
        }
    }

    #[test]
    fn no_provider_calls_the_machine_itself() {
        for (text, is_own) in [
            ("http://127.0.0.1:4000", true),
            ("http://127.1", true),
            ("http://localhost:4000", true),
            ("http://[::1]:4000/x", true),
            ("https://localhost.example.com", false),
            ("https://api.example.com", false),
            ("https://203.0.113.7", false),
        ] {
            assert_eq!(PublicUrl::parse(text).unwrap().is_of_this_machine(), is_own, "{text}");
        }
    }

    #[test]
    fn a_path_is_joined_with_one_slash() {
        for text in ["https://api.example.com/ringback", "https://api.example.com/ringback/"] {
            assert_eq!(PublicUrl::parse(text).unwrap().join("/v1"), "https://api.example.com/ringback/v1");
        }
        assert_eq!(
            PublicUrl::parse("http://127.0.0.1:4000").unwrap().join("/v1"),
            "http://127.0.0.1:4000/v1"
        );
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for text in [
            "",
            "api.example.com",
            "ftp://x",
            "https://",
            "https://x?y",
            "https:///v1",
            "https://u@x",
            "https://a b",
        ] {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
    }
}
