//! Who is calling: API keys, what they may do, and until when.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use strum::{AsRefStr, VariantArray};
use subtle::ConstantTimeEq;

use crate::shared::ids::{AccountId, hex};
use crate::shared::invalid::Invalid;
use crate::shared::timestamp::{Day, Timestamp};

/// Marks a key.
const PREFIX: &str = "vk_";
/// Bytes of chance in the part that a key is looked up by.
const ID_BYTES: usize = 8;
/// Bytes of chance in the part that only its holder knows: 192 bits.
const SECRET_BYTES: usize = 24;

/// What a key lets its holder do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, AsRefStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    /// Report conversations.
    Ingest,
    /// Manage destinations.
    Manage,
    /// Read logs and conversations.
    Read,
}

/// The part of a key that it is looked up by, and that a person recognises it by. No secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// Reads `vk_` and the key's id part.
    ///
    /// # Errors
    /// Names the rule, never the text: it may be a whole key.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let rule = "must be vk_ and the 16 digits after it, without the secret part";
        let id = text.strip_prefix(PREFIX).filter(|id| is_hex(id, ID_BYTES));
        id.map(|id| Self(id.to_owned())).ok_or_else(|| Invalid::new("key_id", rule))
    }

    /// The id part alone, as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn is_hex(part: &str, bytes: usize) -> bool {
    part.len() == 2 * bytes && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A key as we keep it: enough to recognise it, not enough to use it.
#[derive(Clone)]
pub struct ApiKey {
    /// The part that it is looked up by.
    pub id: KeyId,
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
    /// The last day on which a function that may write saw it used.
    pub last_used: Option<Day>,
    /// From when on it is good for nothing.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether its use on that day is news: once a day is enough to tell a key that is in use from one that is not.
    #[must_use]
    pub fn is_news(&self, day: Day) -> bool {
        self.last_used.is_none_or(|last| last < day)
    }
}

/// A key as its holder has it. Never printed, and never compared but in constant time.
#[derive(Clone)]
pub struct PresentedKey {
    id: KeyId,
    secret: String,
}

impl PresentedKey {
    /// A new key, from chance.
    #[must_use]
    pub fn new(randomness: [u8; ID_BYTES + SECRET_BYTES]) -> Self {
        let (id, secret) = randomness.split_at(ID_BYTES);
        Self { id: KeyId(hex(id)), secret: hex(secret) }
    }

    /// Reads `vk_<id>_<secret>`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let rule = || Invalid::new("X-API-Key", "must be a key as it was given out: vk_, an id, _, a secret");
        let (id, secret) =
            text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or_else(rule)?;
        if !is_hex(id, ID_BYTES) || !is_hex(secret, SECRET_BYTES) {
            return Err(rule());
        }
        Ok(Self { id: KeyId(id.to_owned()), secret: secret.to_owned() })
    }

    /// The part that it is looked up by.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The whole key, for the one time that it is shown.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}_{}", self.id, self.secret)
    }

    /// What is kept of it.
    #[must_use]
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(&self.secret).into()
    }

    /// Whether it is that key, in constant time, and still good.
    #[must_use]
    pub fn opens(&self, kept: &ApiKey) -> bool {
        let is_it: bool = self.secret_hash().ct_eq(&kept.secret_hash).into();
        is_it && kept.revoked_at.is_none()
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_…", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fakes::sample;

    fn kept(key: &PresentedKey) -> ApiKey {
        ApiKey {
            id: key.id().clone(),
            account_id: sample::account(),
            secret_hash: key.secret_hash(),
            cursor_secret: [0; 32],
            name: "CRM".to_owned(),
            scopes: Scope::VARIANTS.to_vec(),
            created_at: Timestamp::from_millis(1),
            last_used: None,
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_is_read_as_it_is_written_and_printed_without_its_secret() {
        let key = PresentedKey::new([0xab; 32]);
        let read = PresentedKey::parse(&key.reveal()).unwrap();
        assert_eq!(read.reveal(), key.reveal());
        assert_eq!(format!("{key:?}"), "vk_abababababababab_…");
        assert_eq!(KeyId::parse("vk_abababababababab").as_ref(), Ok(key.id()));
    }

    #[test]
    fn another_text_is_no_key() {
        for text in ["", "vk_", "vk_ab_cd", "vk_abababababababab_", &"A".repeat(70)] {
            assert!(PresentedKey::parse(text).is_err(), "{text}");
        }
    }

    /// Whoever names a key to an operator's command can paste all of it; the answer must not repeat the secret.
    #[test]
    fn a_whole_key_is_no_id_and_is_not_repeated() {
        let key = PresentedKey::new([0xab; 32]).reveal();
        let refused = KeyId::parse(&key).unwrap_err().to_string();
        assert!(!refused.contains("abab"), "{refused}");
    }

    #[test]
    fn a_key_opens_itself_until_it_is_revoked() {
        let key = PresentedKey::new([0xab; 32]);
        let mut other = [0xab; 32];
        other[31] = 0xac;
        let good = kept(&key);
        assert!(key.opens(&good));
        assert!(!PresentedKey::new(other).opens(&good), "the same id, another secret");
        let revoked = ApiKey { revoked_at: Some(Timestamp::from_millis(2)), ..good };
        assert!(!key.opens(&revoked));
    }

    #[test]
    fn a_use_is_news_once_a_day() {
        let key = PresentedKey::new([1; 32]);
        let day = Day::from_number;
        for (last_used, today, is_news) in
            [(None, 5, true), (Some(4), 5, true), (Some(5), 5, false), (Some(6), 5, false)]
        {
            let key = ApiKey { last_used: last_used.map(day), ..kept(&key) };
            assert_eq!(key.is_news(day(today)), is_news, "{last_used:?} {today}");
        }
    }
}
