//! Where an account's events go.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::EventKind;
use crate::ids::{AccountId, DestinationId};
use crate::invalid::Invalid;
use crate::private::Closed;
use crate::target_url::TargetUrl;
use crate::timestamp::Timestamp;

/// One place an account's events go to, as the customer set it up. What is secret of it is [`Closed`] unless it is about
/// to be used, and then [`Open`](crate::private::Open).
#[derive(Debug, Clone, PartialEq)]
pub struct Destination<P = Closed> {
    /// Whose it is.
    pub account_id: AccountId,
    /// Its id.
    pub id: DestinationId,
    /// Friendly label.
    pub name: DestinationName,
    /// The https endpoint.
    pub url: TargetUrl,
    /// How the event is sent.
    pub request_type: RequestType,
    /// Whether events are delivered.
    pub status: DestinationStatus,
    /// The events it wants.
    pub events: EventChoice,
    /// What is secret of it: extra headers, and what requests are signed with.
    pub private: P,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl<P> Destination<P> {
    /// Whether a lifecycle event of this kind is to be sent here.
    #[must_use]
    pub fn wants(&self, kind: EventKind) -> bool {
        self.events.includes(kind)
    }

    /// The same, changed now. A write is told from the one before by its time, also within one millisecond.
    #[must_use]
    pub fn touched(self, now: Timestamp) -> Self {
        let after = Timestamp::from_millis(self.updated_at.as_millis() + 1);
        Self { updated_at: now.max(after), ..self }
    }

    /// The same with its secrets in another form.
    pub(crate) fn with_private<Q>(self, private: Q) -> Destination<Q> {
        let Self {
            account_id,
            id,
            name,
            url,
            request_type,
            status,
            events,
            private: _,
            created_at,
            updated_at,
        } = self;
        Destination {
            account_id,
            id,
            name,
            url,
            request_type,
            status,
            events,
            private,
            created_at,
            updated_at,
        }
    }

    /// Whether deliveries are on.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == DestinationStatus::Enabled
    }
}

/// Friendly label of a destination: 1 to 100 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DestinationName(String);

impl DestinationName {
    /// Longest label, in characters.
    pub const MAX_CHARS: usize = 100;

    /// Trims and checks.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let fits = (1..=Self::MAX_CHARS).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("name", "takes 1 to 100 characters, no control characters"))
        }
    }

    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DestinationName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

/// The HTTP method an event is sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RequestType {
    /// Query parameters.
    Get,
    /// Multipart form data.
    Post,
    /// Multipart form data.
    Patch,
    /// Multipart form data.
    Put,
}

impl RequestType {
    /// The method as HTTP writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Put => "PUT",
        }
    }
}

/// Whether events are delivered to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationStatus {
    /// Events are sent.
    Enabled,
    /// Events are logged as skipped.
    Disabled,
}

/// The events a destination wants: at least one, each once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<EventKind>")]
pub struct EventChoice(Vec<EventKind>);

impl EventChoice {
    fn includes(&self, kind: EventKind) -> bool {
        self.0.contains(&kind)
    }
}

impl Default for EventChoice {
    fn default() -> Self {
        Self(EventKind::ALL.to_vec())
    }
}

impl TryFrom<Vec<EventKind>> for EventChoice {
    type Error = Invalid;

    fn try_from(mut kinds: Vec<EventKind>) -> Result<Self, Invalid> {
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.is_empty() {
            return Err(Invalid::new("events", "must name at least one event"));
        }
        Ok(Self(kinds))
    }
}

/// Headers a customer has us send along. Their values are secrets of the customer's and have no `Debug`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(
    try_from = "std::collections::BTreeMap<String, String>",
    into = "std::collections::BTreeMap<String, String>"
)]
pub struct ExtraHeaders(Vec<(String, String)>);

impl ExtraHeaders {
    /// Most headers a destination can have.
    pub const MAX_HEADERS: usize = 20;
    /// Longest name, in bytes.
    pub const MAX_NAME_BYTES: usize = 100;
    /// Longest value, in bytes.
    pub const MAX_VALUE_BYTES: usize = 1024;
    /// What is shown in place of a value. Given back, it means the value that it stands for.
    pub const MASK: &'static str = "********";

    /// Puts stored values where their mask was given.
    ///
    /// # Errors
    /// Names a header that has no stored value.
    pub fn unmask(mut self, stored: &Self) -> Result<Self, Invalid> {
        for (name, value) in &mut self.0 {
            if value == Self::MASK {
                let kept =
                    stored.iter().find(|(stored, _)| stored == name).map(|(_, value)| value.to_owned());
                *value = kept.ok_or_else(|| {
                    Invalid::new(
                        format!("headers.{name}"),
                        "has no stored value that this mask could stand for",
                    )
                })?;
            }
        }
        Ok(self)
    }

    /// Names in lower case, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl TryFrom<std::collections::BTreeMap<String, String>> for ExtraHeaders {
    type Error = Invalid;

    fn try_from(given: std::collections::BTreeMap<String, String>) -> Result<Self, Invalid> {
        if given.len() > Self::MAX_HEADERS {
            return Err(Invalid::new("headers", "takes 20 headers at the most"));
        }
        let mut headers = Vec::with_capacity(given.len());
        for (name, value) in given {
            let name = name.to_ascii_lowercase();
            check_header(&name, &value).map_err(|rule| Invalid::new(format!("headers.{name}"), rule))?;
            headers.push((name, value));
        }
        headers.sort_unstable();
        if let Some([(name, _), _]) = headers.array_windows().find(|[a, b]| a.0 == b.0) {
            return Err(Invalid::new(format!("headers.{name}"), "is given twice"));
        }
        Ok(Self(headers))
    }
}

impl From<ExtraHeaders> for std::collections::BTreeMap<String, String> {
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
        return Err("is no header name of 1 to 100 characters");
    }
    if RESERVED_HEADERS.contains(&name) || name.starts_with("webhook-") || name.starts_with("proxy-") {
        return Err("is set by Ringback and cannot be changed");
    }
    if value.len() > ExtraHeaders::MAX_VALUE_BYTES || !value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Err("takes a value of up to 1,024 printable ASCII characters");
    }
    if value.trim() != value {
        return Err("takes a value without spaces around it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn headers(given: &[(&str, &str)]) -> Result<ExtraHeaders, Invalid> {
        given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>().try_into()
    }

    #[test]
    fn a_name_is_counted_in_characters() {
        assert!(DestinationName::parse(&"é".repeat(100)).is_ok());
        for text in ["", "   ", &"x".repeat(101), "a\nb"] {
            assert_eq!(DestinationName::parse(text).unwrap_err().field, "name");
        }
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
            ExtraHeaders::try_from(pairs.collect::<std::collections::BTreeMap<_, _>>()).unwrap()
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
