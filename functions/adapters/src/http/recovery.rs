//! A recovery as the API names and shows it, to two functions.

use domain::delivery::record::DeliveryStatus;
use domain::event::kind::EventKind;
use domain::redelivery::recovery::{Include, Progress, Recovery, State};
use domain::shared::ids::{DestinationId, RecoveryId};
use domain::shared::timestamp::Timestamp;
use http::StatusCode;
use serde::Serialize;

use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::request::Request;

#[derive(Serialize)]
struct RecoveryView<'a> {
    id: &'a RecoveryId,
    destination_id: Option<&'a DestinationId>,
    since: Timestamp,
    until: Timestamp,
    event: Option<EventKind>,
    status: Option<DeliveryStatus>,
    include: &'a [Include],
    per_second: u16,
    dry_run: bool,
    state: State,
    found: usize,
    queued: usize,
    delivered: usize,
    failed: usize,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The id in a request's path.
pub fn recovery_id(request: &Request) -> Result<RecoveryId, Problem> {
    RecoveryId::parse(request.path("recovery_id")).map_err(|_| Problem::not_found("recovery"))
}

/// The response that shows a recovery.
#[must_use]
pub fn shown(status: StatusCode, recovery: &Recovery) -> Reply {
    let Recovery { id, request, state, progress, created_at, updated_at, .. } = recovery;
    let Progress { found, queued, delivered, failed } = *progress;
    let view = RecoveryView {
        id,
        destination_id: request.destination_id.as_ref(),
        since: request.since,
        until: request.until,
        event: request.event,
        status: request.status,
        include: &request.include,
        per_second: request.per_second,
        dry_run: request.dry_run,
        state: *state,
        found,
        queued,
        delivered,
        failed,
        created_at: *created_at,
        updated_at: *updated_at,
    };
    Reply::json(status, &view)
}
