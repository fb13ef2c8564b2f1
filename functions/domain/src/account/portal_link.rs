//! Portal links: each opens the Webhooks page for an account without an API key, once and within a minute.
//!
//! A link is not stored: a MAC authenticates its token, and the row of its session shows that it was used.

use std::time::Duration;

use crate::account::session::{Role, SessionId};
use crate::shared::authenticated::AuthenticatedToken;
use crate::shared::ids::AccountId;
use crate::shared::timestamp::Timestamp;

/// How long a link is valid: long enough for a redirect, and too short to be of use in a log or a history.
const LIFETIME: Duration = Duration::from_secs(60);

/// What the authentication code is for: a cursor of the same account is no link.
const CONTEXT: [&str; 1] = ["portal link"];

/// A link to the Webhooks page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalLink {
    /// The account that its session acts for.
    pub account_id: AccountId,
    /// The id of its session, which only one request can begin.
    pub session_id: SessionId,
    /// What its session permits.
    pub role: Role,
    /// Until when its session can begin.
    pub expires_at: Timestamp,
}

impl PortalLink {
    /// Makes a link.
    #[must_use]
    pub fn new(account_id: AccountId, session_id: SessionId, role: Role, now: Timestamp) -> Self {
        Self { account_id, session_id, role, expires_at: now + LIFETIME }
    }

    /// The link's token, authenticated by the account's cursor secret.
    #[must_use]
    pub fn token(&self, cursor_secret: &[u8; 32]) -> String {
        let Self { account_id, session_id, role, expires_at } = self;
        let (session, role) = (session_id.as_str(), role.as_ref());
        let body = format!("{account_id}#{session}#{role}#{}", expires_at.as_millis());
        AuthenticatedToken::encode(&body, &CONTEXT, cursor_secret)
    }

    fn parse(body: &str) -> Option<Self> {
        let [account, session, role, millis]: [&str; 4] =
            body.split('#').collect::<Vec<_>>().try_into().ok()?;
        Some(Self {
            account_id: AccountId::parse(account).ok()?,
            session_id: SessionId::parse(session)?,
            role: role.parse().ok()?,
            expires_at: Timestamp::from_millis(millis.parse().ok()?),
        })
    }
}

/// A token as a caller presents it, which anybody may have made up.
pub struct PresentedLink {
    account_id: AccountId,
    text: AuthenticatedToken,
}

impl PresentedLink {
    /// Reads a token; `None` if it is not in the form of one.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        let text = AuthenticatedToken::decode(token)?;
        Some(Self { account_id: PortalLink::parse(text.unverified())?.account_id, text })
    }

    /// The account that it claims to be for, whose cursor secret verifies it.
    #[must_use]
    pub const fn account_id(&self) -> &AccountId {
        &self.account_id
    }

    /// The link, if it was made for this account and is not too old.
    #[must_use]
    pub fn verify(self, cursor_secret: &[u8; 32], now: Timestamp) -> Option<PortalLink> {
        let link = PortalLink::parse(&self.text.verify(&CONTEXT, cursor_secret)?)?;
        (now < link.expires_at).then_some(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 32] = [1; 32];
    const NOW: Timestamp = Timestamp::from_millis(1_788_256_800_000);

    fn link(account: &str, role: Role) -> PortalLink {
        PortalLink::new(AccountId::parse(account).unwrap(), SessionId::new([0xab; 16]), role, NOW)
    }

    fn verified(token: &str, secret: [u8; 32], now: Timestamp) -> Option<PortalLink> {
        PresentedLink::parse(token)?.verify(&secret, now)
    }

    #[test]
    fn a_token_is_its_link_for_a_minute() {
        for role in [Role::Manage, Role::Read] {
            let made = link("acc_1", role);
            let token = made.token(&SECRET);
            assert_eq!(PresentedLink::parse(&token).unwrap().account_id().as_str(), "acc_1");
            let last = NOW + (LIFETIME - Duration::from_millis(1));
            assert_eq!(verified(&token, SECRET, last), Some(made));
            assert_eq!(verified(&token, SECRET, NOW + LIFETIME), None);
        }
    }

    #[test]
    fn a_token_of_another_account_or_purpose_is_none() {
        let made = link("acc_1", Role::Read);
        assert_eq!(verified(&made.token(&[2; 32]), SECRET, NOW), None);
        let body = format!("acc_1#{}#read#{}", "ab".repeat(16), made.expires_at.as_millis());
        assert_eq!(AuthenticatedToken::encode(&body, &CONTEXT, &SECRET), made.token(&SECRET));
        assert_eq!(verified(&AuthenticatedToken::encode(&body, &["cursor"], &SECRET), SECRET, NOW), None);
    }

    #[test]
    fn what_is_no_link_is_refused() {
        let session = "ab".repeat(16);
        for body in [
            "",
            "acc_1",
            "acc_1#x#read#9999999999999",
            &format!("acc_1#{session}#ingest#9999999999999"),
            &format!("acc 1#{session}#read#9999999999999"),
            &format!("acc_1#{session}#read#-1"),
            &format!("acc_1#{session}#read#9999999999999#"),
        ] {
            assert_eq!(
                verified(&AuthenticatedToken::encode(body, &CONTEXT, &SECRET), SECRET, NOW),
                None,
                "{body}"
            );
        }
    }
}
