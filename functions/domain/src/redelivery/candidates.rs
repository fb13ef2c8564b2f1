//! What a recovery sends: deliveries that failed, and events that a destination has not got.

use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::delivery::record::{Delivery, Trigger};
use crate::delivery::state::{DeliveryState, Summary};
use crate::delivery_log::events::ListedEvent;
use crate::delivery_log::position::Position;
use crate::delivery_log::search::{DeliveryLog, Filter, Search};
use crate::destination::record::Destination;
use crate::destination::store::Destinations;
use crate::redelivery::recovery::{Include, Planned, Request};
use crate::shared::ids::{AccountId, DeliveryId, DestinationId, EventId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, readable};

/// Deliveries that one search may plan: a page of a plan, which is one row, holds twice as many.
pub(super) const PAGE: usize = 500;

/// Events whose deliveries are read concurrently.
pub(super) const CONCURRENCY: usize = 16;

/// The most deliveries of one event that are read: the newest.
const MAX_OF_EVENT: usize = 1_000;

/// The wait for a retry from which on a customer may send the event again meanwhile: longer than any of a standard delivery.
const LONG_WAIT: Duration = Duration::from_secs(30);

/// Deliveries to make, newest first, and where in the log the search goes on.
pub(super) type Found = (Vec<Planned>, Option<Position>);

/// The destinations of an account, without those that cannot be read: what a later version wrote does not hold up the
/// others.
pub(super) async fn destinations(
    stored: &impl Destinations,
    account: &AccountId,
) -> Result<Vec<Destination>> {
    Ok(readable(stored.of_account(account).await?))
}

/// Plans what one search finds at these destinations.
pub(super) async fn find(
    log: &impl DeliveryLog,
    account: &AccountId,
    destinations: &[&Destination],
    (request, include): (&Request, Include),
    after: Option<Position>,
    now: Timestamp,
) -> Result<Found> {
    let filter = Filter {
        destination: request.destination_id.clone(),
        event: request.event,
        from: Some(request.since),
        to: Some(request.until),
        ..Filter::default()
    };
    match include {
        Include::Failed => {
            let filter = Filter { statuses: request.status.into_iter().collect(), ..filter };
            failed(log, account, destinations, Search { filter, after, limit: PAGE }, now).await
        }
        Include::Missing => {
            // A list of events is of the whole account.
            let filter = Filter { destination: None, ..filter };
            let limit = (PAGE / destinations.len().max(1)).max(1);
            missing(log, account, destinations, Search { filter, after, limit }).await
        }
    }
}

async fn failed(
    log: &impl DeliveryLog,
    account: &AccountId,
    destinations: &[&Destination],
    search: Search,
    now: Timestamp,
) -> Result<Found> {
    let page = log.search(account, &search).await?;
    let is_at = |delivery: &Delivery| destinations.iter().any(|one| one.id == delivery.destination_id);
    let failed = page.deliveries.into_iter().filter(|one| is_at(&one.delivery) && is_recoverable(one, now));
    let again = failed.map(|one| again(log, account, one.delivery));
    Ok((concurrently(again).await?, page.next))
}

/// The delivery that repeats this one, if it is the latest.
async fn again(log: &impl DeliveryLog, account: &AccountId, delivery: Delivery) -> Result<Vec<Planned>> {
    let Some(event) = delivery.id.event_id() else { return Ok(Vec::new()) };
    let all = of_event(log, account, &event).await?;
    let latest = latest_at(&all, &delivery.destination_id);
    let is_latest = latest.is_none_or(|one| one.delivery.id == delivery.id);
    let id = delivery.id.resend_id("recover").filter(|_| is_latest);
    Ok(id.map(|id| Planned { id, destination_id: delivery.destination_id }).into_iter().collect())
}

async fn missing(
    log: &impl DeliveryLog,
    account: &AccountId,
    destinations: &[&Destination],
    search: Search,
) -> Result<Found> {
    let page = log.events(account, &search).await?;
    let missed = page.events.into_iter().map(|event| missed(log, account, destinations, event));
    Ok((concurrently(missed).await?, page.next))
}

async fn concurrently(
    plans: impl Iterator<Item: Future<Output = Result<Vec<Planned>>>>,
) -> Result<Vec<Planned>> {
    let planned = stream::iter(plans).buffered(CONCURRENCY).try_collect::<Vec<_>>().await?;
    Ok(planned.into_iter().flatten().collect())
}

/// The destinations that want an event and have no delivery of it.
async fn missed(
    log: &impl DeliveryLog,
    account: &AccountId,
    destinations: &[&Destination],
    event: ListedEvent,
) -> Result<Vec<Planned>> {
    let all = of_event(log, account, &event.id).await?;
    // A test event is for one destination, and a notice has had its day.
    if event.kind.is_notice() || all.iter().any(|one| one.delivery.trigger == Trigger::Test) {
        return Ok(Vec::new());
    }
    let has_none = |one: &&&Destination| latest_at(&all, &one.id).is_none();
    let mut without: Vec<_> = destinations.iter().filter(has_none).collect();
    // The agent is in the payload, which is read only if it matters.
    let agent = if without.iter().any(|one| one.agents.is_limited()) {
        let Some(event) = log.event(account, &event.id).await? else { return Ok(Vec::new()) };
        event.agent_id()
    } else {
        None
    };
    without.retain(|one| one.wants(event.kind, agent.as_deref()));
    let planned = |one: &&Destination| Planned {
        id: DeliveryId::of(&event.id, &one.id),
        destination_id: one.id.clone(),
    };
    Ok(without.into_iter().map(planned).collect())
}

/// The deliveries of an event, also those whose first attempt is in progress.
pub(super) async fn of_event(
    log: &impl DeliveryLog,
    account: &AccountId,
    event: &EventId,
) -> Result<Vec<Summary>> {
    let filter = Filter { event_id: Some(event.clone()), ..Filter::default() };
    Ok(log.search(account, &Search { filter, after: None, limit: MAX_OF_EVENT }).await?.deliveries)
}

/// The latest delivery of an event to a destination.
pub(super) fn latest_at<'a>(of_event: &'a [Summary], destination: &DestinationId) -> Option<&'a Summary> {
    let at = of_event.iter().filter(|one| one.delivery.destination_id == *destination);
    at.max_by_key(|one| recency(&one.delivery))
}

/// Whether a recovery may send the delivery again. Tests are excluded, and notices, which have had their day.
pub(super) fn is_recoverable(summary: &Summary, now: Timestamp) -> bool {
    let Delivery { trigger, event, .. } = &summary.delivery;
    (summary.has_failed() || waits_long(&summary.state, now))
        && *trigger != Trigger::Test
        && !event.is_notice()
}

/// Whether the next attempt is so far ahead that a customer need not wait for it. The delivery goes on besides the new one.
pub(super) fn waits_long(state: &DeliveryState, now: Timestamp) -> bool {
    state.next_at.is_some_and(|at| at.since(now) > LONG_WAIT)
}

/// Orders deliveries by creation. A resend is newer than the delivery it repeats, even within one millisecond.
fn recency(delivery: &Delivery) -> (Timestamp, bool) {
    (delivery.created_at, delivery.trigger != Trigger::Lifecycle)
}
