//! Where callers reach the API. Twilio signs the URL that it calls, so this has to be what Twilio was given.

/// The API's URL as the world knows it. Never rebuilt from a request: behind a gateway its host and path are others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    scheme: &'static str,
    /// Without a port.
    host: String,
    port: Option<String>,
    /// What goes before every path of ours; does not end in a slash.
    prefix: String,
}

/// The ports that need not be written.
const DEFAULT_PORTS: [(&str, &str); 2] = [("https", "443"), ("http", "80")];

impl PublicUrl {
    /// Reads `https://api.example.com`, with or without a port and a path before ours.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = DEFAULT_PORTS
            .into_iter()
            .find_map(|(scheme, _)| Some((scheme, text.strip_prefix(scheme)?.strip_prefix("://")?)))
            .ok_or("has to start with https:// or http://")?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if authority.is_empty() || rest.contains(['?', '#', '@']) || rest.contains(char::is_whitespace) {
            return Err("has to be a host and no more than a port and a path after it");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, Some(port.to_owned())),
            _ => (authority, None),
        };
        Ok(Self { scheme, host: host.to_owned(), port, prefix: path.trim_end_matches('/').to_owned() })
    }

    /// The URL of a path of ours, which may have a query, in all its spellings: with the port and without it.
    pub(crate) fn spellings(&self, path: &str) -> [String; 2] {
        let default =
            DEFAULT_PORTS.iter().find(|(scheme, _)| *scheme == self.scheme).map_or("", |(_, port)| port);
        let port = self.port.as_deref().unwrap_or(default);
        ["".to_owned(), format!(":{port}")].map(|port| {
            let Self { scheme, host, prefix, .. } = self;
            format!("{scheme}://{host}{port}{prefix}{path}")
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
            "https:///v1",
            "https://x?y",
            "https://u@x",
            "https://a b",
        ] {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
    }
}
