//! Notices: events that report a change of a destination's health.

use serde::Serialize;

use super::FanOut;
use super::lists::{Batch, List};
use crate::conversation::store::Conversations;
use crate::delivery::deliver::Verdict;
use crate::delivery::ledger::Ledger;
use crate::delivery::message::DeliveryQueue;
use crate::delivery::received::Visibility;
use crate::destination::health::{Change, HealthState};
use crate::destination::record::Destination;
use crate::destination::store::{Destinations, HealthStore, SavedHealth};
use crate::event::kind::EventKind;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::event::message::{EventQueue, NoticeMessage, NoticeQueue};
use crate::event::store::{Created, EventEraser, Events, StoredEvent};
use crate::shared::ids::{AccountId, DestinationId, EventId};
use crate::shared::timestamp::Timestamp;
use crate::shared::token::Token;
use crate::shared::unavailable::{Result, Unavailable};

/// The payload of a notice.
#[derive(Serialize)]
struct Payload<'a> {
    event: EventKind,
    id: &'a EventId,
    account_id: &'a AccountId,
    destination_id: &'a DestinationId,
    name: &'a str,
    state: HealthState,
    since: Timestamp,
    consecutive_failures: u32,
    last_outcome: &'a str,
}

impl<C, E, Q, V, D, L> FanOut<C, E, Q, V, D, L>
where
    C: Conversations,
    E: Events + EventEraser + Clone,
    Q: DeliveryQueue,
    V: EventQueue + NoticeQueue + Visibility,
    D: Destinations + HealthStore,
    L: Ledger,
{
    /// Lets a notice leave if a destination wants it and its change was written.
    pub(super) async fn notify(&self, message: &NoticeMessage, batch: Batch) -> Result<Verdict> {
        let NoticeMessage { account_id, destination_id, event: kind, since, .. } = message;
        let now = self.clock.now();
        let List { destinations, unreadable } =
            self.lists.read(&self.destinations, account_id, *since, (batch, now)).await?;
        let of = destinations.iter().find(|destination| destination.id == *destination_id);
        let is_wanted = destinations.iter().any(|destination| destination.wants(*kind, None));
        let Some(of) = of.filter(|_| is_wanted) else {
            return unreadable.map_or(Ok(Verdict::Done), Err);
        };
        let Some(health) = self.destinations.health(account_id, destination_id).await? else {
            return Ok(Verdict::Done);
        };
        let is_its = |change: &&Change| (change.kind, change.since) == (*kind, *since);
        let Some(change) = health.changes.iter().find(is_its) else {
            // Its writer is dead, was refused, or is late: then this write refuses it, and it tells its change anew.
            return match self.destinations.save_health(of, &health).await? {
                SavedHealth::Yes => Ok(Verdict::Done),
                SavedHealth::Conflict | SavedHealth::Changed => {
                    Err(Unavailable::new("find the change of a notice", "it is being written"))
                }
            };
        };
        let event = self.notice(of, change, message.event_id())?;
        let by = Token::from(event.id.as_str());
        let event = match self.stored.create(&event, &by, *since).await? {
            Created::Yes => event,
            Created::Refused(StoredEvent::Kept { event, .. }) => event,
            Created::Refused(StoredEvent::Absent | StoredEvent::Forgotten { .. }) => {
                return Ok(Verdict::Done);
            }
        };
        self.fan_out(&event, batch).await.map(|()| Verdict::Done)
    }

    fn notice(&self, of: &Destination, change: &Change, id: EventId) -> Result<LifecycleEvent> {
        let now = self.clock.now();
        let payload = Payload {
            event: change.kind,
            id: &id,
            account_id: &of.account_id,
            destination_id: &of.id,
            name: of.name.as_str(),
            state: match change.kind {
                EventKind::DestinationFailing => HealthState::Failing,
                EventKind::DestinationDisabled => HealthState::Disabled,
                _ => HealthState::Healthy,
            },
            since: change.since,
            consecutive_failures: change.consecutive_failures,
            last_outcome: &change.last_outcome,
        };
        let payload =
            serde_json::to_vec(&payload).map_err(|error| Unavailable::new("write a notice", error))?;
        Ok(LifecycleEvent {
            account_id: of.account_id.clone(),
            id,
            conversation_id: None,
            kind: change.kind,
            accepted_at: change.since,
            left_at: now,
            until: now + self.retention,
            payload: payload.into(),
            metadata: None,
        })
    }
}
