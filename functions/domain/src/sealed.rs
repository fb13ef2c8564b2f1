//! What is secret of a destination or a provider as it is stored: sealed, for one thing of one account.

use std::fmt;

use bytes::Bytes;

use crate::ids::{AccountId, DestinationId};
use crate::provider::Provider;

/// A text that nobody reads without the key it was sealed under. Where it was sealed, a new key was made for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key of this text alone, itself sealed.
    pub data_key: Bytes,
    /// The text.
    pub content: Bytes,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

/// Whose a sealed text is. It opens for nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder<'a> {
    account: &'a AccountId,
    kind: &'static str,
    id: &'a str,
}

impl<'a> Holder<'a> {
    /// A destination of an account.
    #[must_use]
    pub fn destination(account: &'a AccountId, id: &'a DestinationId) -> Self {
        Self { account, kind: "destination", id: id.as_str() }
    }

    /// A provider that sends an account its callbacks.
    #[must_use]
    pub fn provider(account: &'a AccountId, provider: Provider) -> Self {
        Self { account, kind: "provider", id: provider.as_str() }
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &'a str {
        self.account.as_str()
    }

    /// What it is: `destination` or `provider`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Which one.
    #[must_use]
    pub const fn id(&self) -> &'a str {
        self.id
    }
}

impl fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {}", self.kind, self.id, self.account)
    }
}
