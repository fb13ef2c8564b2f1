//! Sessions of the portal: each lets a browser tab call the API for an account for a day, without an API key.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumString};

use crate::account::api_key::Scope;
use crate::account::secret::{SECRET_BYTES, Secret, is_hex};
use crate::shared::ids::{AccountId, hex};
use crate::shared::timestamp::Timestamp;

/// Starts every session token.
const PREFIX: &str = "vs_";
/// Random bytes in a session's id, which is also its link's.
const ID_BYTES: usize = 16;
/// How long a session lasts: its user needs a new link at least once a day.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// What a session permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// See and change everything.
    Manage,
    /// See everything and change nothing.
    Read,
}

impl Role {
    /// The rule for a role in a request.
    pub const RULE: &'static str = "must be manage or read";

    /// The scopes of a session with this role: never that of the platform, which reports conversations.
    #[must_use]
    pub const fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Manage => &[Scope::Manage, Scope::Read],
            Self::Read => &[Scope::Read],
        }
    }
}

/// The id of a session, by which it is looked up in its account. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionId(String);

impl SessionId {
    /// Creates an id from random bytes.
    #[must_use]
    pub fn new(randomness: [u8; ID_BYTES]) -> Self {
        Self(hex(&randomness))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        is_hex(text, ID_BYTES).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A session as it is stored: enough to recognise it, not enough to use it.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The account that it acts for.
    pub account_id: AccountId,
    /// The id by which it is looked up.
    pub id: SessionId,
    /// What it permits.
    pub role: Role,
    /// The hash of its secret.
    pub secret_hash: [u8; 32],
    /// Authenticates the account's cursors. Copied from the account: one read then identifies a caller.
    pub cursor_secret: [u8; 32],
    /// When it ends, in whole seconds.
    pub expires_at: Timestamp,
    /// Whether its account is suspended. Copied from the account.
    pub is_suspended: bool,
}

/// A session token as a caller presents it. Never printed, and compared in constant time only.
pub struct PresentedSession {
    account_id: AccountId,
    id: SessionId,
    secret: Secret,
}

impl PresentedSession {
    /// Creates a token from random bytes.
    #[must_use]
    pub fn new(account_id: AccountId, id: SessionId, randomness: [u8; SECRET_BYTES]) -> Self {
        Self { account_id, id, secret: Secret::new(&randomness) }
    }

    /// Reads `vs_<account>_<id>_<secret>`; `None` for any other text. An account's id may itself contain `_`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(PREFIX)?.rsplitn(3, '_');
        let secret = Secret::parse(parts.next()?)?;
        let id = SessionId::parse(parts.next()?)?;
        Some(Self { account_id: AccountId::parse(parts.next()?).ok()?, id, secret })
    }

    /// The session as it is to be stored, when it begins.
    #[must_use]
    pub fn begin(&self, role: Role, cursor_secret: [u8; 32], now: Timestamp) -> Session {
        Session {
            account_id: self.account_id.clone(),
            id: self.id.clone(),
            role,
            secret_hash: self.secret.hash(),
            cursor_secret,
            expires_at: Timestamp::from_millis((now + LIFETIME).as_secs() * 1000),
            is_suspended: false,
        }
    }

    /// The account that it claims to act for.
    #[must_use]
    pub const fn account_id(&self) -> &AccountId {
        &self.account_id
    }

    /// The id by which it is looked up.
    #[must_use]
    pub const fn id(&self) -> &SessionId {
        &self.id
    }

    /// The whole token, for the one time it is shown.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}_{}", self.account_id, self.id.as_str(), self.secret.reveal())
    }

    /// Whether this is the stored session, and it has not ended. Compares in constant time.
    #[must_use]
    pub fn matches(&self, stored: &Session, now: Timestamp) -> bool {
        self.secret.has_hash(&stored.secret_hash) && now < stored.expires_at
    }
}

impl fmt::Debug for PresentedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_{}_…", self.account_id, self.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fakes::sample;

    const NOW: Timestamp = Timestamp::from_millis(1_788_256_800_123);

    fn presented(secret: u8) -> PresentedSession {
        PresentedSession::new(sample::account(), SessionId::new([0xab; 16]), [secret; 24])
    }

    #[test]
    fn a_token_is_read_as_it_is_written_and_printed_without_its_secret() {
        let token = presented(0xcd);
        let read = PresentedSession::parse(&token.reveal()).unwrap();
        assert_eq!((read.account_id(), read.id()), (token.account_id(), token.id()));
        assert_eq!(read.reveal(), token.reveal());
        assert!(!format!("{token:?}").contains("cdcd"), "{token:?}");
    }

    #[test]
    fn another_text_is_no_token() {
        let (id, secret) = ("ab".repeat(16), "cd".repeat(24));
        for text in [
            "",
            "vs_",
            "vs___",
            &format!("vs_{id}_{secret}"),
            &format!("vs__{id}_{secret}"),
            &format!("vs_a#b_{id}_{secret}"),
            &format!("vk_acc_1_{id}_{secret}"),
            &format!("vs_acc_1_{id}_{}", secret.to_uppercase()),
            &format!("vs_acc_1_{id}0_{secret}"),
            &format!("vs_acc_1_{id}_{secret} "),
        ] {
            assert!(PresentedSession::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_token_opens_its_session_for_a_day() {
        let session = presented(1).begin(Role::Read, [7; 32], NOW);
        let day = Duration::from_secs(24 * 60 * 60);
        let at = |span: Duration| presented(1).matches(&session, NOW + span);
        assert!(at(Duration::ZERO) && at(day - Duration::from_secs(1)));
        assert!(!at(day), "the last second is cut off");
        assert!(!presented(2).matches(&session, NOW), "the same id, another secret");
    }

    #[test]
    fn no_role_reports_conversations_and_a_reader_changes_nothing() {
        assert_eq!(Role::Manage.scopes(), [Scope::Manage, Scope::Read]);
        assert_eq!(Role::Read.scopes(), [Scope::Read]);
    }
}
