//! API keys: each identifies an account, and its scopes say what it permits.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use strum::{AsRefStr, VariantArray};

use crate::account::secret::{SECRET_BYTES, Secret, is_hex};
use crate::shared::ids::{AccountId, hex};
use crate::shared::invalid::Invalid;
use crate::shared::timestamp::{Day, Timestamp};

/// Starts every key.
const PREFIX: &str = "vk_";
/// Random bytes in a key's id, by which it is looked up.
const ID_BYTES: usize = 8;

/// A permission that a key grants.
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

/// The id of a key, by which it is looked up and people recognise it. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// Reads `vk_` and the key's id part.
    ///
    /// # Errors
    /// Names the rule but never the text, which may be a whole key.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let rule = "must be vk_ and the 16 hexadecimal digits after it, without the secret part";
        let id = text.strip_prefix(PREFIX).filter(|id| is_hex(id, ID_BYTES));
        id.map(|id| Self(id.to_owned())).ok_or_else(|| Invalid::new("key_id", rule))
    }

    /// The id without `vk_`, as it is stored.
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

/// A key as it is stored: enough to recognise it, not enough to use it.
#[derive(Clone)]
pub struct ApiKey {
    /// The id by which it is looked up.
    pub id: KeyId,
    /// The account it belongs to.
    pub account_id: AccountId,
    /// The hash of its secret.
    pub secret_hash: [u8; 32],
    /// Authenticates the account's cursors. Copied from the account: one read then identifies a caller.
    pub cursor_secret: [u8; 32],
    /// Friendly label.
    pub name: String,
    /// What it permits.
    pub scopes: Vec<Scope>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The day of its latest recorded use.
    pub last_used: Option<Day>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Whether its account is suspended. Copied from the account.
    pub is_suspended: bool,
}

impl ApiKey {
    /// Whether a use on this day must be recorded: once a day is enough to tell a key in use from an unused one.
    #[must_use]
    pub fn must_record_use(&self, day: Day) -> bool {
        self.last_used.is_none_or(|last| last < day)
    }
}

/// A key as a caller presents it. Never printed, and compared in constant time only.
#[derive(Clone)]
pub struct PresentedKey {
    id: KeyId,
    secret: Secret,
}

impl PresentedKey {
    /// Creates a key from random bytes.
    #[must_use]
    pub fn new(randomness: [u8; ID_BYTES + SECRET_BYTES]) -> Self {
        let (id, secret) = randomness.split_at(ID_BYTES);
        Self { id: KeyId(hex(id)), secret: Secret::new(secret) }
    }

    /// Reads `vk_<id>_<secret>`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let rule = || Invalid::new("X-API-Key", "must be a key as it was issued: vk_, an id, _, a secret");
        let (id, secret) =
            text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or_else(rule)?;
        let secret = Secret::parse(secret).filter(|_| is_hex(id, ID_BYTES)).ok_or_else(rule)?;
        Ok(Self { id: KeyId(id.to_owned()), secret })
    }

    /// The id by which it is looked up.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The whole key, for the one time it is shown.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}_{}", self.id, self.secret.reveal())
    }

    /// The hash of its secret, as it is stored.
    #[must_use]
    pub fn secret_hash(&self) -> [u8; 32] {
        self.secret.hash()
    }

    /// Whether this is the stored key, neither revoked nor expired. Compares in constant time.
    #[must_use]
    pub fn matches(&self, stored: &ApiKey, now: Timestamp) -> bool {
        let is_good = stored.revoked_at.is_none() && stored.expires_at.is_none_or(|at| now < at);
        self.secret.has_hash(&stored.secret_hash) && is_good
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

    fn stored(key: &PresentedKey) -> ApiKey {
        ApiKey {
            id: key.id().clone(),
            account_id: sample::account(),
            secret_hash: key.secret_hash(),
            cursor_secret: [0; 32],
            name: "CRM".to_owned(),
            scopes: Scope::VARIANTS.to_vec(),
            created_at: Timestamp::from_millis(1),
            last_used: None,
            expires_at: None,
            revoked_at: None,
            is_suspended: false,
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

    /// An operator may paste a whole key where a command asks for its id; the error must not repeat the secret.
    #[test]
    fn a_whole_key_is_no_id_and_is_not_repeated() {
        let key = PresentedKey::new([0xab; 32]).reveal();
        let refused = KeyId::parse(&key).unwrap_err().to_string();
        assert!(!refused.contains("abab"), "{refused}");
    }

    #[test]
    fn a_key_opens_itself_until_it_is_revoked_or_expires() {
        let now = Timestamp::from_millis(5);
        let key = PresentedKey::new([0xab; 32]);
        let mut other = [0xab; 32];
        other[31] = 0xac;
        let good = stored(&key);
        assert!(key.matches(&good, now));
        assert!(!PresentedKey::new(other).matches(&good, now), "the same id, another secret");
        for (expires_at, is_good) in [(6, true), (5, false), (4, false)] {
            let key_row = ApiKey { expires_at: Some(Timestamp::from_millis(expires_at)), ..good.clone() };
            assert_eq!(key.matches(&key_row, now), is_good, "{expires_at}");
        }
        let revoked = ApiKey { revoked_at: Some(Timestamp::from_millis(2)), ..good };
        assert!(!key.matches(&revoked, now));
    }

    #[test]
    fn a_use_is_news_once_a_day() {
        let key = PresentedKey::new([1; 32]);
        let day = Day::from_number;
        for (last_used, today, must_record) in
            [(None, 5, true), (Some(4), 5, true), (Some(5), 5, false), (Some(6), 5, false)]
        {
            let key = ApiKey { last_used: last_used.map(day), ..stored(&key) };
            assert_eq!(key.must_record_use(day(today)), must_record, "{last_used:?} {today}");
        }
    }
}
