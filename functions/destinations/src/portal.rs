//! Routes of the portal: an account's own page without an API key. The application that embeds the page asks for a link,
//! and the page exchanges it for a session.

use adapters::caller::Caller;
use adapters::http::problem::{Code, Problem};
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::account::api_key::Scope;
use domain::account::portal_link::{PortalLink, PresentedLink};
use domain::account::session::{PresentedSession, Role, SessionId};
use domain::account::store::{AccountState, Accounts, Sessions};
use domain::shared::ids::AccountId;
use domain::shared::invalid::both;
use domain::shared::randomness::Seed;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Saved;
use http::StatusCode;
use serde::Serialize;

use crate::Manage;

/// A link as it is shown, once.
#[derive(Serialize)]
pub(crate) struct LinkView {
    url: String,
    role: Role,
    expires_at: Timestamp,
}

#[derive(Serialize)]
struct SessionView {
    session_token: String,
    role: Role,
    expires_at: Timestamp,
}

/// The account that a key or session acts for, and what it may do.
#[derive(Serialize)]
struct AccountView<'a> {
    account_id: &'a AccountId,
    name: String,
    scopes: &'a [Scope],
    expires_at: Option<Timestamp>,
}

impl Manage {
    /// `POST /v1/portal-links`.
    pub(crate) fn create_portal_link(
        &self,
        caller: &Caller,
        request: &Request,
        seed: &Seed,
    ) -> Result<Reply, Problem> {
        caller.require_key()?;
        let fields = request.json()?;
        let role = fields.required::<Role>("role", Role::RULE);
        let (role, ()) = both(role, fields.allow_only(&["role"]))?;
        let url = |path: &str| match &self.public_url {
            Some(base) => base.join(path),
            None => format!("https://{}{path}", request.domain()),
        };
        let link = self.portal_link(&caller.account_id, &caller.cursor_secret, role, seed, url);
        Ok(Reply::json(StatusCode::CREATED, &link))
    }

    /// Creates a link without storing it: the row of its session shows that it was used.
    pub(crate) fn portal_link(
        &self,
        account: &AccountId,
        cursor_secret: &[u8; 32],
        role: Role,
        seed: &Seed,
        url: impl FnOnce(&str) -> String,
    ) -> LinkView {
        let session = SessionId::new(seed.bytes("session"));
        let link = PortalLink::new(account.clone(), session, role, self.clock.now());
        LinkView {
            url: url(&format!("/portal/{}", link.token(cursor_secret))),
            role,
            expires_at: link.expires_at,
        }
    }

    /// `POST /v1/portal-sessions`: exchanges a link's token for a session, once. Every other token gets the same 401.
    pub(crate) async fn begin_session(&self, request: &Request) -> Result<Reply, Problem> {
        let fields = request.json()?;
        let token = fields.required::<String>("token", "must be a string");
        let (token, ()) = both(token, fields.allow_only(&["token"]))?;
        let session = self.session_of(&token).await?;
        session.map(|view| Reply::json(StatusCode::CREATED, &view)).ok_or_else(|| {
            let detail = "This link has been used or has expired. Open Webhooks again from your dashboard.";
            Problem::new(Code::Unauthorized, detail)
        })
    }

    async fn session_of(&self, token: &str) -> Result<Option<SessionView>, Problem> {
        let Some(presented) = PresentedLink::parse(token) else { return Ok(None) };
        let Some(account) = self.accounts.account(presented.account_id()).await? else { return Ok(None) };
        let now = self.clock.now();
        let Some(link) = presented.verify(&account.cursor_secret, now) else { return Ok(None) };
        match account.state {
            AccountState::Active => {}
            AccountState::Suspended => {
                let used = self.accounts.session(&link.account_id, &link.session_id).await?;
                return if used.is_some() { Ok(None) } else { Err(Problem::suspended()) };
            }
            AccountState::Deleting | AccountState::Deleted => return Ok(None),
        }
        let token = PresentedSession::new(link.account_id, link.session_id, self.randomness.bytes());
        let session = token.begin(link.role, account.cursor_secret, now);
        let begun = match self.accounts.begin(&session).await? {
            Saved::Yes => true,
            // Another request used the link; or this one did, and the write was repeated because its answer was lost.
            Saved::Conflict | Saved::TooLarge => {
                self.accounts.session(token.account_id(), token.id()).await?.as_ref() == Some(&session)
            }
        };
        let view = || SessionView {
            session_token: token.reveal(),
            role: session.role,
            expires_at: session.expires_at,
        };
        Ok(begun.then(view))
    }

    /// `DELETE /v1/portal-sessions`.
    pub(crate) async fn end_sessions(&self, caller: &Caller) -> Result<Reply, Problem> {
        caller.require_key()?;
        self.accounts.end_all(&caller.account_id).await?;
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    /// `GET /v1/account`.
    pub(crate) async fn show_account(&self, caller: &Caller) -> Result<Reply, Problem> {
        let account = self.accounts.account(&caller.account_id).await?;
        let account = account.ok_or_else(|| Problem::not_found("account"))?;
        let Caller { account_id, scopes, expires_at, .. } = caller;
        let view = AccountView { account_id, name: account.name, scopes, expires_at: *expires_at };
        Ok(Reply::json(StatusCode::OK, &view))
    }
}
