//! What is secret of a destination or a provider as it is stored: sealed, for one thing of one account.

use std::fmt;
use std::future::Future;

use bytes::Bytes;

use crate::shared::ids::{AccountId, DestinationId};
use crate::shared::unavailable::Result;

/// A text that nobody reads without the key it was sealed under. Where it was sealed, a new key was made for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Encrypted {
    /// The key of this text alone, itself sealed.
    pub data_key: Bytes,
    /// The text.
    pub content: Bytes,
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encrypted")
    }
}

/// Whose a sealed text is. It opens for nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncryptionContext<'a> {
    account: &'a AccountId,
    kind: &'static str,
    id: &'a str,
}

impl<'a> EncryptionContext<'a> {
    pub(crate) const fn new(account: &'a AccountId, kind: &'static str, id: &'a str) -> Self {
        Self { account, kind, id }
    }

    /// A destination of an account.
    #[must_use]
    pub fn destination(account: &'a AccountId, id: &'a DestinationId) -> Self {
        Self::new(account, "destination", id.as_str())
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

impl fmt::Display for EncryptionContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {}", self.kind, self.id, self.account)
    }
}

/// Opens what a [`Vault`] has sealed.
pub trait Decryptor: Send + Sync {
    /// The text that was sealed for this holder. An error also if it was sealed for another or has been changed since:
    /// only we write there, so that is a failure of ours, and what waits for it can go on once it is mended.
    fn decrypt(
        &self,
        of: &EncryptionContext<'_>,
        encrypted: &Encrypted,
    ) -> impl Future<Output = Result<Vec<u8>>> + Send;
}

/// Seals what is secret before it is stored.
pub trait Vault: Decryptor {
    /// Seals a text for this holder, under a key of its own.
    fn encrypt(
        &self,
        of: &EncryptionContext<'_>,
        text: &[u8],
    ) -> impl Future<Output = Result<Encrypted>> + Send;
}
