//! Services that carry conversations and tell of them by callbacks.

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumString, IntoStaticStr, VariantArray};

use crate::conversation::ended::CompletionFlow;
use crate::shared::encryption::EncryptionContext;
use crate::shared::ids::AccountId;
use crate::shared::ids::{ID_RULE, is_id};
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

impl<'a> EncryptionContext<'a> {
    /// A provider that sends an account its callbacks.
    #[must_use]
    pub fn provider(account: &'a AccountId, provider: Provider) -> Self {
        Self::new(account, "provider", provider.into())
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
