//! Encryption of stored secrets. Each ciphertext is bound to one destination, provider or answer of one account.

use std::fmt;
use std::future::Future;

use bytes::Bytes;

use crate::shared::ids::{AccountId, DestinationId};
use crate::shared::unavailable::Result;

/// A secret, encrypted under a data key of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Encrypted {
    /// The data key, itself encrypted.
    pub data_key: Bytes,
    /// The ciphertext.
    pub content: Bytes,
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encrypted")
    }
}

/// The destination, provider or answer that a ciphertext is bound to: it is decrypted for no other.
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

    /// The context of a destination's secrets.
    #[must_use]
    pub fn destination(account: &'a AccountId, id: &'a DestinationId) -> Self {
        Self::new(account, "destination", id.as_str())
    }

    /// The context of an answer that a request with this idempotency key got.
    #[must_use]
    pub const fn answer(account: &'a AccountId, key: &'a str) -> Self {
        Self::new(account, "answer", key)
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &'a str {
        self.account.as_str()
    }

    /// The kind of owner: `destination`, `provider` or `answer`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// The owner's id.
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

/// Decrypts what a [`Vault`] has encrypted.
pub trait Decryptor: Send + Sync {
    /// Decrypts a secret in its context. Fails if it was encrypted in another context or changed since. Only we write
    /// secrets, so that is our failure; the same call succeeds after a repair.
    fn decrypt(
        &self,
        context: &EncryptionContext<'_>,
        encrypted: &Encrypted,
    ) -> impl Future<Output = Result<Vec<u8>>> + Send;
}

/// Encrypts secrets before they are stored.
pub trait Vault: Decryptor {
    /// Encrypts a secret in its context, under a new data key.
    fn encrypt(
        &self,
        context: &EncryptionContext<'_>,
        text: &[u8],
    ) -> impl Future<Output = Result<Encrypted>> + Send;
}
