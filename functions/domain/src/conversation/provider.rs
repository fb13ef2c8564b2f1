//! Providers: services that carry conversations and report on them by callbacks.

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumString, IntoStaticStr, VariantArray};

use crate::conversation::ended::CompletionFlow;
use crate::shared::encryption::EncryptionContext;
use crate::shared::ids::{AccountId, ID_RULE, is_id};
use crate::shared::invalid::Invalid;

/// A service that carries conversations.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    AsRefStr,
    IntoStaticStr,
    EnumString,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Provider {
    /// Telephone calls.
    Twilio,
    /// Rooms on the web, and calls into and out of them.
    Daily,
}

impl Provider {
    /// The completion flow of its callbacks.
    #[must_use]
    pub const fn flow(self) -> CompletionFlow {
        match self {
            Self::Twilio => CompletionFlow::Twilio,
            Self::Daily => CompletionFlow::Daily,
        }
    }

    /// The field in which the platform states the provider's reference to a conversation.
    #[must_use]
    pub const fn reference_field(self) -> &'static str {
        match self {
            Self::Twilio => "twilio_call_sid",
            Self::Daily => "daily_room",
        }
    }
}

impl<'a> EncryptionContext<'a> {
    /// The context of an account's secret for a provider.
    #[must_use]
    pub fn provider(account: &'a AccountId, provider: Provider) -> Self {
        Self::new(account, "provider", provider.into())
    }
}

/// A provider's name for a conversation: a call's SID at Twilio, a room's name at Daily.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// The provider that uses this name.
    pub provider: Provider,
    id: String,
}

impl Reference {
    /// Accepts the same text as our ids: both are parts of table keys.
    ///
    /// # Errors
    /// Names the given field and the rule.
    pub fn parse(provider: Provider, id: impl Into<String>, field: &'static str) -> Result<Self, Invalid> {
        let id = id.into();
        if is_id(&id) { Ok(Self { provider, id }) } else { Err(Invalid::new(field, ID_RULE)) }
    }

    /// The name itself.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}
