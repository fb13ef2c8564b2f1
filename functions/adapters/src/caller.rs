//! Who sent a request: the API key in `X-API-Key`.

use ::http::StatusCode;
use domain::api_key::{ApiKey, PresentedKey, Scope};
use domain::ids::AccountId;
use domain::ports::Accounts;

use crate::http::Request;
use crate::problem::Problem;

/// A caller whose key is good for what it asks.
pub struct Caller {
    /// Its account: the only one that anything it asks for is looked up in.
    pub account_id: AccountId,
    /// What its cursors are authenticated with.
    pub cursor_secret: [u8; 32],
    /// Whether it may see how destinations are set up: their URLs can hold a customer's tokens.
    pub manages: bool,
}

/// Looks the caller's key up. Every way of not being a key gets the same answer.
pub async fn authenticate(
    request: &Request,
    accounts: &impl Accounts,
    scope: Scope,
) -> Result<Caller, Problem> {
    let key = known_key(request, accounts).await?.ok_or_else(|| {
        let detail = "Send a valid API key in the header X-API-Key.";
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    })?;
    if !key.scopes.contains(&scope) {
        let detail =
            format!("This API key does not have the scope \"{}\" that this route needs.", scope.as_str());
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let manages = key.scopes.contains(&Scope::Manage);
    Ok(Caller { account_id: key.account_id, cursor_secret: key.cursor_secret, manages })
}

async fn known_key(request: &Request, accounts: &impl Accounts) -> Result<Option<ApiKey>, Problem> {
    let Some(Ok(presented)) = request.header("x-api-key").map(PresentedKey::parse) else { return Ok(None) };
    let kept = accounts.key(presented.id()).await?;
    Ok(kept.filter(|kept| presented.matches(kept)))
}
