//! The API's public URL. Twilio signs the URL that it calls, so this must be the URL configured there.

use url::{Position, Url};

/// The API's public URL. Never rebuilt from a request, whose host and path differ behind a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl(Url);

impl PublicUrl {
    /// Parses `https://api.example.com`, with an optional port and path prefix.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        if !["https", "http"].contains(&url.scheme()) {
            return Err("must start with https:// or http://".to_owned());
        }
        // The parser accepts these and drops or moves them, but Twilio signs the URL as it was written.
        let host = text.split_once("://").map_or("", |(_, rest)| rest);
        if host.is_empty() || host.starts_with('/') || text.contains(['?', '#', '@', ' ']) {
            return Err("must be a host with an optional port and path, and nothing else".to_owned());
        }
        Ok(Self(url))
    }

    /// Both spellings of the URL for a path (and query): without the port and with it.
    pub(crate) fn spellings(&self, path: &str) -> [String; 2] {
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
