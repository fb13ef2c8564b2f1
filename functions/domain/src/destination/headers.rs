//! Extra headers of a destination's requests.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::shared::invalid::{Invalid, Mistakes};

/// Extra headers that a customer adds to requests. Their values are the customer's secrets and have no `Debug`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct ExtraHeaders(Vec<(String, String)>);

impl ExtraHeaders {
    /// Most headers a destination can have.
    pub const MAX_HEADERS: usize = 20;
    /// Longest name, in bytes.
    pub const MAX_NAME_BYTES: usize = 100;
    /// Longest value, in bytes.
    pub const MAX_VALUE_BYTES: usize = 1024;
    /// Shown in place of a value. As input, it stands for the stored value.
    pub const MASK: &'static str = "********";

    /// Replaces each mask with the stored value.
    ///
    /// # Errors
    /// Names a masked header that has no stored value.
    pub fn unmask(mut self, stored: &Self) -> Result<Self, Invalid> {
        for (name, value) in &mut self.0 {
            if value == Self::MASK {
                let kept =
                    stored.iter().find(|(stored, _)| stored == name).map(|(_, value)| value.to_owned());
                *value = kept.ok_or_else(|| {
                    Invalid::new(format!("headers.{name}"), "is masked, but no value is stored for it")
                })?;
            }
        }
        Ok(self)
    }

    /// The names of the headers that are to keep their stored values.
    pub fn masked(&self) -> impl Iterator<Item = &str> {
        self.iter().filter(|(_, value)| *value == Self::MASK).map(|(name, _)| name)
    }

    /// The headers in order, their names in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl TryFrom<BTreeMap<String, String>> for ExtraHeaders {
    type Error = Invalid;

    fn try_from(given: BTreeMap<String, String>) -> Result<Self, Invalid> {
        if given.len() > Self::MAX_HEADERS {
            return Err(Invalid::new("headers", "takes at most 20 headers"));
        }
        let (mut headers, mut mistakes) = (Vec::with_capacity(given.len()), Mistakes::default());
        for (name, value) in given {
            let name = name.to_ascii_lowercase();
            let checked = check_header(&name, &value);
            mistakes.note(checked.map_err(|rule| Invalid::new(format!("headers.{name}"), rule)));
            headers.push((name, value));
        }
        mistakes.none()?;
        headers.sort_unstable();
        if let Some([(name, _), _]) = headers.array_windows().find(|[a, b]| a.0 == b.0) {
            return Err(Invalid::new(format!("headers.{name}"), "is given twice"));
        }
        Ok(Self(headers))
    }
}

impl From<ExtraHeaders> for BTreeMap<String, String> {
    fn from(headers: ExtraHeaders) -> Self {
        headers.0.into_iter().collect()
    }
}

impl fmt::Debug for ExtraHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Headers that HTTP or Ringback sets itself.
const RESERVED_HEADERS: [&str; 11] = [
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn check_header(name: &str, value: &str) -> Result<(), &'static str> {
    // RFC 9110, 5.6.2: the characters of a token.
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > ExtraHeaders::MAX_NAME_BYTES || !name.bytes().all(token) {
        return Err("must be a header name of 1 to 100 characters");
    }
    if RESERVED_HEADERS.contains(&name) || name.starts_with("webhook-") || name.starts_with("proxy-") {
        return Err("is set by Ringback and cannot be changed");
    }
    if value.len() > ExtraHeaders::MAX_VALUE_BYTES || !value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Err("must have a value of at most 1,024 printable ASCII characters");
    }
    if value.trim() != value {
        return Err("must have a value without leading or trailing spaces");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(&str, &str)]) -> Result<ExtraHeaders, Invalid> {
        given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>().try_into()
    }

    #[test]
    fn a_header_that_could_break_the_request_is_refused() {
        for (name, value) in [
            ("Host", "x"),
            ("webhook-id", "x"),
            ("Content-Length", "1"),
            ("a b", "x"),
            ("", "x"),
            ("x-a", "line\r\nbreak"),
            ("x-a", " padded"),
            ("x-a", "ü"),
        ] {
            assert!(headers(&[(name, value)]).is_err(), "{name}: {value:?}");
        }
        assert!(headers(&[("X-A", "1"), ("x-a", "2")]).is_err(), "one name in two spellings");
        let kept = headers(&[("Authorization", "Bearer t")]).unwrap();
        assert_eq!(kept.iter().collect::<Vec<_>>(), [("authorization", "Bearer t")]);
    }

    #[test]
    fn a_mask_stands_for_the_value_that_is_stored() {
        let headers = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            ExtraHeaders::try_from(pairs.collect::<BTreeMap<_, _>>()).unwrap()
        };
        let stored = headers(&[("x-a", "1"), ("x-b", "2")]);
        let changed = headers(&[("X-A", ExtraHeaders::MASK), ("x-c", "3")]);
        assert!(changed.clone().unmask(&stored) == Ok(headers(&[("x-a", "1"), ("x-c", "3")])));
        assert_eq!(changed.unmask(&ExtraHeaders::default()).unwrap_err().field, "headers.x-a");
    }

    #[test]
    fn header_values_are_not_printed() {
        assert_eq!(
            format!("{:?}", headers(&[("authorization", "hunter2")]).unwrap()),
            r#"["authorization"]"#
        );
    }
}
