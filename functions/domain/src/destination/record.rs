//! A destination, as a customer configures it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use strum::AsRefStr;

use crate::destination::agents::AgentFilter;
use crate::destination::retry::Retry;
use crate::destination::secrets::{DestinationSecrets, EncryptedSecrets};
use crate::destination::target_url::TargetUrl;
use crate::destination::visible;
use crate::event::kind::EventKind;
use crate::shared::encryption::{Decryptor, EncryptionContext};
use crate::shared::ids::{AccountId, DestinationId};
use crate::shared::invalid::Invalid;
use crate::shared::timestamp::Timestamp;

/// One endpoint that an account's events are sent to.
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// The account it belongs to.
    pub account_id: AccountId,
    /// Its id.
    pub id: DestinationId,
    /// Friendly label.
    pub name: DestinationName,
    /// The HTTPS endpoint.
    pub url: TargetUrl,
    /// How events are sent.
    pub request_type: RequestType,
    /// What a request's body is.
    pub format: Format,
    /// How long failed deliveries are retried.
    pub retry: Retry,
    /// Whether events are delivered.
    pub status: DestinationStatus,
    /// The events that are sent here.
    pub events: EventFilter,
    /// What the payload has besides its usual keys.
    pub include: BTreeSet<Include>,
    /// The agents whose events are sent here.
    pub agents: AgentFilter,
    /// Its extra headers and signing secrets, encrypted.
    pub secrets: EncryptedSecrets,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Destination {
    /// Whether events of this kind are sent here if they are of this agent. A notice is of none.
    #[must_use]
    pub fn wants(&self, kind: EventKind, agent_id: Option<&str>) -> bool {
        self.events.includes(kind) && (kind.is_notice() || self.agents.includes(agent_id))
    }

    /// Whether another destination gets requests that this one gets, too. Formats do not count: an event that comes in two
    /// of them comes twice.
    #[must_use]
    pub fn shares_requests(&self, other: &Self) -> bool {
        let requests = |one: &Self| (one.request_type, one.url.as_url().clone(), one.events.clone());
        self.id != other.id && requests(self) == requests(other) && self.agents.shares_any(&other.agents)
    }

    /// Checks its fields against each other: a GET has no body, and a parameter of its own URL may hide one of ours.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.request_type != RequestType::Get {
            return Ok(());
        }
        if self.format == Format::Json {
            return Err(Invalid::new(
                "format",
                "must be form for GET, which has no body; for json use POST, PUT or PATCH",
            ));
        }
        // Some receivers separate parameters by `;`, too.
        let own = self.url.as_url().query().unwrap_or_default().split(['&', ';']);
        let mut names = own.flat_map(|own| form_urlencoded::parse(own.as_bytes())).map(|(name, _)| name);
        match names.find_map(|name| parameter_of_ours(&name)) {
            None => Ok(()),
            Some(name) => Err(Invalid::new(
                "url",
                format!(
                    "must not have the query parameter \"{name}\", which GET adds; rename it, or use POST, PUT or PATCH"
                ),
            )),
        }
    }

    /// The destination with a new `updated_at`. It always grows, because it identifies the version.
    #[must_use]
    pub fn touched(self, now: Timestamp) -> Self {
        let after = Timestamp::from_millis(self.updated_at.as_millis() + 1);
        Self { updated_at: now.max(after), ..self }
    }

    /// The context in which its secrets are encrypted.
    #[must_use]
    pub fn encryption_context(&self) -> EncryptionContext<'_> {
        EncryptionContext::destination(&self.account_id, &self.id)
    }

    /// Decrypts its secrets.
    pub async fn decrypt_secrets(
        &self,
        decryptor: &impl Decryptor,
    ) -> crate::shared::unavailable::Result<DestinationSecrets> {
        self.secrets.decrypt(&self.encryption_context(), decryptor).await
    }

    /// Whether it is enabled.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == DestinationStatus::Enabled
    }
}

/// Friendly label of a destination: 1 to 100 characters that people see as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DestinationName(String);

impl DestinationName {
    /// Longest label, in characters.
    pub const MAX_CHARS: usize = 100;

    /// Trims and checks the text.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if !(1..=Self::MAX_CHARS).contains(&text.chars().count()) || text.chars().any(char::is_control) {
            return Err(Invalid::new("name", "must be 1 to 100 characters without control characters"));
        }
        visible::check(text).map_err(|rule| Invalid::new("name", rule))?;
        Ok(Self(text.to_owned()))
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

/// The parameter of ours that receivers may read this one as: PHP drops leading blanks, and in PHP, Ruby and Node.js
/// `event[x]` is a part of `event`. ASP.NET does not tell `Event` from `event`.
fn parameter_of_ours(own: &str) -> Option<&'static str> {
    let name = own.trim_start().split('[').next();
    ["event", "payload"].into_iter().find(|ours| name.is_some_and(|name| name.eq_ignore_ascii_case(ours)))
}

/// The HTTP method that an event is sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, AsRefStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum RequestType {
    /// Query parameters.
    Get,
    /// A body.
    Post,
    /// A body.
    Patch,
    /// A body.
    Put,
}

/// What the body of a POST, PATCH or PUT is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Multipart form data with the fields `event` and `payload`.
    #[default]
    Form,
    /// The payload itself.
    Json,
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

/// What a payload can have besides its usual keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Include {
    /// The conversation's metadata, as the last key.
    ConversationMetadata,
}

/// The events a destination wants: at least one, each once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<EventKind>")]
pub struct EventFilter(Vec<EventKind>);

impl EventFilter {
    /// Whether events of this kind are wanted.
    #[must_use]
    pub fn includes(&self, kind: EventKind) -> bool {
        self.0.contains(&kind)
    }
}

impl Default for EventFilter {
    fn default() -> Self {
        Self(EventKind::LIFECYCLE.to_vec())
    }
}

impl TryFrom<Vec<EventKind>> for EventFilter {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fakes::sample;

    #[test]
    fn a_name_is_counted_in_characters() {
        assert!(DestinationName::parse(&"é".repeat(100)).is_ok());
        for text in ["", "   ", &"x".repeat(101), "a\nb"] {
            assert_eq!(DestinationName::parse(text).unwrap_err().field, "name");
        }
    }

    #[test]
    fn a_get_has_no_parameter_that_a_receiver_reads_as_ours() {
        let corpus = include_str!("../../../../tests/corpus/hostile/own-queries.txt");
        for line in corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (url, expected) = line.rsplit_once(" | ").unwrap();
            let url = TargetUrl::from_stored(url).unwrap();
            let destination =
                Destination { url, request_type: RequestType::Get, ..sample::destination("dst_1") };
            match destination.check() {
                Ok(()) => assert_eq!(expected, "none", "{line}"),
                Err(invalid) => {
                    assert!(invalid.rule.contains(&format!("\"{expected}\"")), "{line}: {invalid}");
                }
            }
        }
    }

    #[test]
    fn a_name_is_seen_as_it_is_written() {
        let corpus = include_str!("../../../../tests/corpus/hostile/names.txt");
        for line in corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, expected) = line.rsplit_once(" | ").unwrap();
            let name: String = serde_json::from_str(name).unwrap();
            let parsed = DestinationName::parse(&name);
            assert_eq!(parsed.is_ok(), expected == "taken", "{line}: {parsed:?}");
        }
    }
}
