//! Who is calling: API keys and what they may do.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::ids::{AccountId, hex};
use crate::invalid::Invalid;
use crate::timestamp::Timestamp;

/// Marks a key.
const PREFIX: &str = "vk_";
/// Bytes of chance in the part that a key is looked up by.
const ID_BYTES: usize = 8;
/// Bytes of chance in the part that only its holder knows: 192 bits.
const SECRET_BYTES: usize = 24;

/// What a key lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Report conversations.
    Ingest,
    /// Manage destinations.
    Manage,
    /// Read logs and conversations.
    Read,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ingest, Self::Manage, Self::Read];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Manage => "manage",
            Self::Read => "read",
        }
    }
}

/// A customer.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Friendly label.
    pub name: String,
    /// What its cursors are authenticated with.
    pub cursor_secret: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
}

/// A key as we keep it: enough to recognise it, not enough to use it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The part that it is looked up by.
    pub id: String,
    /// Whose it is.
    pub account_id: AccountId,
    /// SHA-256 of the secret part. The part is random, so a plain hash is as good as a slow one.
    pub secret_hash: [u8; 32],
    /// What its account's cursors are authenticated with: a copy, so that a request needs one read to know its caller.
    pub cursor_secret: [u8; 32],
    /// Friendly label.
    pub name: String,
    /// What it lets its holder do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A key as its holder has it. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PresentedKey {
    id: String,
    secret: String,
}

impl PresentedKey {
    /// A new key, from chance.
    #[must_use]
    pub fn new(chance: [u8; ID_BYTES + SECRET_BYTES]) -> Self {
        let (id, secret) = chance.split_at(ID_BYTES);
        Self { id: hex(id), secret: hex(secret) }
    }

    /// Reads `vk_<id>_<secret>`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let rule = || Invalid::new("X-API-Key", "must be a key as it was given out: vk_, an id, _, a secret");
        let (id, secret) =
            text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or_else(rule)?;
        let is_hex = |part: &str, bytes: usize| {
            part.len() == 2 * bytes && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        if !is_hex(id, ID_BYTES) || !is_hex(secret, SECRET_BYTES) {
            return Err(rule());
        }
        Ok(Self { id: id.to_owned(), secret: secret.to_owned() })
    }

    /// The part that it is looked up by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole key, for the one time that it is shown.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret)
    }

    /// What is kept of it.
    #[must_use]
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(&self.secret).into()
    }

    /// Whether it is that key, in constant time.
    #[must_use]
    pub fn matches(&self, kept: &ApiKey) -> bool {
        self.secret_hash().ct_eq(&kept.secret_hash).into()
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_…", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written_and_printed_without_its_secret() {
        let key = PresentedKey::new([0xab; 32]);
        assert_eq!(PresentedKey::parse(&key.reveal()), Ok(key.clone()));
        assert_eq!(format!("{key:?}"), "vk_abababababababab_…");
    }

    #[test]
    fn another_text_is_no_key() {
        for text in ["", "vk_", "vk_ab_cd", "vk_abababababababab_", &"A".repeat(70)] {
            assert!(PresentedKey::parse(text).is_err(), "{text}");
        }
    }
}
