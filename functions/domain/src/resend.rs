//! A customer wants an event sent again: one delivery, or everything that ended without success.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::delivery::{Delivery, DeliveryStatus, Summary, Trigger};
use crate::delivery_log::{Filter, Search};
use crate::destination::Destination;
use crate::ids::{AccountId, DeliveryId, DestinationId, hex};
use crate::messages::DeliveryMessage;
use crate::ports::{Clock, DeliveryLog, DeliveryQueue, DestinationStore, Result};
use crate::timestamp::Timestamp;

/// Deliveries that one recovery looks at. A larger one goes on where it stopped.
const MAX_EXAMINED: usize = 2_000;

/// Makes deliveries of events that were delivered before, or were not.
pub struct Resend<L, D, Q> {
    log: L,
    destinations: D,
    deliveries: Q,
    clock: Arc<dyn Clock>,
}

/// What a wish to send one delivery again came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resent {
    /// A new delivery of the same event is on its way.
    Sent(Box<Delivery>),
    /// There is no such delivery.
    NoDelivery,
    /// It has not ended: it will be sent again anyhow.
    UnderWay,
    /// The event is no longer kept.
    NoEvent,
    /// The destination takes nothing.
    Refused(NoDestination),
}

/// Why nothing can be sent to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDestination {
    /// It was deleted, or never was.
    Missing,
    /// It is disabled.
    Disabled,
}

/// What a recovery came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Deliveries that were sent again, or would be.
    pub deliveries: usize,
    /// Where the next recovery has to go on, towards the past; `None` when nothing is left.
    pub until: Option<Timestamp>,
}

impl<L: DeliveryLog, D: DestinationStore, Q: DeliveryQueue> Resend<L, D, Q> {
    /// Over the Delivery Logs, the destinations and the queue of deliveries.
    pub fn new(log: L, destinations: D, deliveries: Q, clock: Arc<dyn Clock>) -> Self {
        Self { log, destinations, deliveries, clock }
    }

    /// A destination that takes deliveries.
    pub async fn active(
        &self,
        account: &AccountId,
        id: &DestinationId,
    ) -> Result<Result<Destination, NoDestination>> {
        Ok(match self.destinations.get(account, id).await? {
            None => Err(NoDestination::Missing),
            Some(destination) if !destination.is_active() => Err(NoDestination::Disabled),
            Some(destination) => Ok(destination),
        })
    }

    /// Sends one delivery's event again. Each wish makes a delivery of its own, by this chance.
    pub async fn one(&self, account: &AccountId, id: &DeliveryId, chance: [u8; 16]) -> Result<Resent> {
        let Some((Summary { delivery, standing }, _)) = self.log.history(account, id).await? else {
            return Ok(Resent::NoDelivery);
        };
        if !standing.status.is_final() {
            return Ok(Resent::UnderWay);
        }
        if let Err(reason) = self.active(account, &delivery.destination_id).await? {
            return Ok(Resent::Refused(reason));
        }
        let (Some(event_id), Some(new)) = (id.event_id(), self.again(&delivery, &hex(&chance))) else {
            return Ok(Resent::NoDelivery);
        };
        if self.log.event(account, &event_id).await?.is_none() {
            return Ok(Resent::NoEvent);
        }
        self.send(&[new.clone().into()]).await?;
        Ok(Resent::Sent(Box::new(new)))
    }

    /// Sends to a destination everything again that was made since then, before `until`, and ended without success, if
    /// nothing of the same event succeeded or is under way since. Running it again makes no second delivery.
    pub async fn all(
        &self,
        account: &AccountId,
        destination: &DestinationId,
        since: Timestamp,
        until: Option<Timestamp>,
        dry_run: bool,
    ) -> Result<Recovered> {
        let filter = Filter {
            destination: Some(destination.clone()),
            from: Some(since),
            to: until,
            ..Filter::default()
        };
        let page = self.log.search(account, &Search { filter, after: None, limit: MAX_EXAMINED }).await?;
        let failed = failures(&page.deliveries);
        let messages: Vec<DeliveryMessage> =
            failed.iter().filter_map(|delivery| self.again(delivery, "recover")).map(Into::into).collect();
        if !dry_run {
            self.send(&messages).await?;
        }
        // The millisecond that a page ends in is looked at again: others may have been made in it.
        let until = page.next.map(|position| position.created_at + Duration::from_millis(1));
        Ok(Recovered { deliveries: messages.len(), until })
    }

    fn again(&self, delivery: &Delivery, salt: &str) -> Option<Delivery> {
        let id = delivery.id.again(salt)?;
        Some(Delivery { id, trigger: Trigger::Resend, created_at: self.clock.now(), ..delivery.clone() })
    }

    async fn send(&self, messages: &[DeliveryMessage]) -> Result<()> {
        self.deliveries.send(messages, Duration::ZERO).await?;
        for message in messages {
            tracing::info!(
                account_id = %message.account_id,
                delivery_id = %message.delivery_id,
                destination_id = %message.destination_id,
                "delivery.resent"
            );
        }
        Ok(())
    }
}

/// Of each event the latest delivery, if it ended without success. Newest first, as the log lists them. A test is nothing
/// to recover.
fn failures(deliveries: &[Summary]) -> Vec<&Delivery> {
    let mut seen = HashSet::new();
    deliveries
        .iter()
        .filter(|summary| summary.delivery.trigger != Trigger::Test)
        .filter(|summary| seen.insert(summary.delivery.id.event_id()))
        .filter(|summary| {
            summary.standing.status.is_final() && summary.standing.status != DeliveryStatus::Delivered
        })
        .map(|summary| &summary.delivery)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Standing;
    use crate::fakes::sample;
    use crate::ids::EventId;

    fn summary(conversation: &str, destination: &str, status: DeliveryStatus, trigger: Trigger) -> Summary {
        let conversation = crate::ids::ConversationId::parse(conversation).unwrap();
        let event = EventId::of_conversation(&sample::account(), &conversation);
        let id = DeliveryId::of(&event, &DestinationId::parse(destination).unwrap());
        let standing = Standing {
            status,
            attempts: 4,
            outcome: None,
            http_status: None,
            error: None,
            next_at: None,
            updated_at: Timestamp::default(),
        };
        Summary { delivery: Delivery { id, trigger, ..sample::delivery() }, standing }
    }

    #[test]
    fn the_latest_delivery_of_an_event_decides_whether_it_is_recovered() {
        use DeliveryStatus::{Cancelled, Delivered, Exhausted, Retrying, Skipped};
        use Trigger::{Lifecycle, Resend, Test};
        let log = [
            summary("a", "resend", Delivered, Resend),
            summary("b", "resend", Retrying, Resend),
            summary("c", "resend", Exhausted, Resend),
            summary("a", "first", Exhausted, Lifecycle),
            summary("b", "first", Exhausted, Lifecycle),
            summary("c", "first", Exhausted, Lifecycle),
            summary("d", "first", Skipped, Lifecycle),
            summary("e", "first", Cancelled, Lifecycle),
            summary("f", "first", Exhausted, Test),
            summary("g", "first", Delivered, Lifecycle),
        ];
        let chosen: Vec<_> = failures(&log).into_iter().map(|delivery| delivery.id.clone()).collect();
        let expected: Vec<_> = [2, 6, 7].map(|index: usize| log[index].delivery.id.clone()).to_vec();
        assert_eq!(chosen, expected);
    }
}
