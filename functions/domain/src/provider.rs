//! Services that carry conversations and tell of them by callbacks.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::completion::CompletionFlow;
use crate::ids::{ConversationId, ID_RULE, is_id};
use crate::invalid::Invalid;
use crate::timestamp::Timestamp;

/// A service that carries conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Telephone calls.
    Twilio,
    /// Rooms on the web, and calls into and out of them.
    Daily,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Twilio, Self::Daily];

    /// The name in API, tables and log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Daily => "daily",
        }
    }

    /// The provider of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == name)
    }

    /// The flow that its callbacks are.
    #[must_use]
    pub const fn flow(self) -> CompletionFlow {
        match self {
            Self::Twilio => CompletionFlow::Twilio,
            Self::Daily => CompletionFlow::Daily,
        }
    }

    /// The field in which the platform says what the provider calls a conversation.
    #[must_use]
    pub const fn reference_field(self) -> &'static str {
        match self {
            Self::Twilio => "twilio_call_sid",
            Self::Daily => "daily_room",
        }
    }
}

/// What a provider calls a conversation: a call's SID at Twilio, a room's name at Daily.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// Who calls it so.
    pub provider: Provider,
    id: String,
}

impl Reference {
    /// Takes what an id of ours takes: both are parts of table keys.
    ///
    /// # Errors
    /// Names the field that it came in, and the rule.
    pub fn parse(provider: Provider, id: impl Into<String>, field: &'static str) -> Result<Self, Invalid> {
        let id = id.into();
        if is_id(&id) { Ok(Self { provider, id }) } else { Err(Invalid::new(field, ID_RULE)) }
    }

    /// The provider's name for it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// The conversation that a reference leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The one that named it last.
    pub conversation_id: ConversationId,
    /// Since when.
    pub since: Timestamp,
    /// The one before: a room is used again and again, and word of its meeting can come late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<ConversationId>,
}

/// What a provider signs its callbacks to one account with. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderSecret(String);

impl ProviderSecret {
    /// Takes a Twilio auth token as it is, and a Daily `hmac` secret, which is base64.
    ///
    /// # Errors
    /// Names the rule, never the value.
    pub fn parse(provider: Provider, text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let (fits, rule) = match provider {
            Provider::Twilio => (
                (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()),
                "must be the auth token of your Twilio account: 1 to 256 characters, no spaces",
            ),
            Provider::Daily => (
                text.len() <= 256 && STANDARD.decode(&text).is_ok_and(|key| !key.is_empty()),
                "must be the hmac secret of your Daily webhook, in base64",
            ),
        };
        if fits { Ok(Self(text)) } else { Err(Invalid::new("secret", rule)) }
    }

    /// As it was given, for the table and to verify with.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProviderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_checked_and_never_printed() {
        for (provider, good) in [(Provider::Twilio, "12345"), (Provider::Daily, "MDEyMw==")] {
            let secret = ProviderSecret::parse(provider, good).unwrap();
            assert_eq!((secret.reveal(), format!("{secret:?}").as_str()), (good, "ProviderSecret"));
        }
        for (provider, bad) in [
            (Provider::Twilio, ""),
            (Provider::Twilio, "a b"),
            (Provider::Daily, ""),
            (Provider::Daily, "not base64"),
            (Provider::Daily, "MDEyMw"),
        ] {
            let wrong = ProviderSecret::parse(provider, bad).unwrap_err();
            assert_eq!(wrong.field, "secret");
            assert!(bad.is_empty() || !wrong.to_string().contains(bad), "{wrong}");
        }
    }
}
