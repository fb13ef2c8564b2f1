//! Route for the progress of a recovery.

use adapters::caller::Caller;
use adapters::http::problem::Problem;
use adapters::http::recovery::{recovery_id, shown};
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::redelivery::recovery::Recoveries;
use http::StatusCode;

/// `GET /v1/recoveries/{recovery_id}`: how far a recovery is.
pub(crate) async fn show(
    recoveries: &impl Recoveries,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    let recovery = recoveries.load(&caller.account_id, &recovery_id(request)?).await?;
    recovery.map(|recovery| shown(StatusCode::OK, &recovery)).ok_or_else(|| Problem::not_found("recovery"))
}
