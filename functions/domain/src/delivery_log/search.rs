//! Searching the Delivery Logs: filters, positions and pages.

use std::future::Future;

use crate::delivery::history::Record;
use crate::delivery::outcome::OutcomeClass;
use crate::delivery::record::{Delivery, DeliveryStatus, Trigger};
use crate::delivery::state::Summary;
use crate::delivery_log::events::EventPage;
use crate::delivery_log::position::Position;
use crate::event::kind::EventKind;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::shared::ids::{AccountId, ConversationId, DeliveryId, DestinationId, EventId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;

/// Rows of a page, if the caller sets no limit.
pub const DEFAULT_PAGE: usize = 50;

/// The most rows that a caller can ask for.
pub const MAX_PAGE: usize = 100;

/// The deliveries that a caller wants to see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// To this destination.
    pub destination: Option<DestinationId>,
    /// Of this conversation.
    pub conversation: Option<ConversationId>,
    /// Of this event.
    pub event_id: Option<EventId>,
    /// Of this kind.
    pub event: Option<EventKind>,
    /// Created by this.
    pub trigger: Option<Trigger>,
    /// With one of these statuses; with any if there are none.
    pub statuses: Vec<DeliveryStatus>,
    /// Not those that were skipped because their destination was disabled.
    pub hides_skipped: bool,
    /// Only those that ended without success and that no later one made good, without tests.
    pub undelivered: bool,
    /// Whose latest attempt had this outcome.
    pub outcome: Option<OutcomeClass>,
    /// Whose latest attempt was answered with this status code.
    pub http_status: Option<u16>,
    /// Created at this time or later.
    pub from: Option<Timestamp>,
    /// Created before this time.
    pub to: Option<Timestamp>,
}

impl Filter {
    /// Whether it takes deliveries with this status.
    #[must_use]
    pub fn takes(&self, status: DeliveryStatus) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&status))
            && !(self.hides_skipped && status == DeliveryStatus::Skipped)
    }

    /// Whether a delivery matches every condition.
    #[must_use]
    pub fn matches(&self, summary: &Summary) -> bool {
        let Summary { delivery, state, .. } = summary;
        fn agrees<T: PartialEq>(wanted: Option<&T>, is: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == is)
        }
        agrees(self.destination.as_ref(), &delivery.destination_id)
            && (self.conversation.is_none() || self.conversation == delivery.conversation_id)
            && self.event_id.as_ref().is_none_or(|event| delivery.id.event_id().as_ref() == Some(event))
            && agrees(self.event.as_ref(), &delivery.event)
            && agrees(self.trigger.as_ref(), &delivery.trigger)
            && self.takes(state.status)
            && (!self.undelivered || summary.is_undelivered())
            && self.outcome.is_none_or(|outcome| state.outcome == Some(outcome))
            && self.http_status.is_none_or(|status| state.http_status == Some(status))
            && self.from.is_none_or(|from| delivery.created_at >= from)
            && self.to.is_none_or(|to| delivery.created_at < to)
    }
}

/// One request for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Which deliveries.
    pub filter: Filter,
    /// Only those older than this one.
    pub after: Option<Position>,
    /// At most this many.
    pub limit: usize,
}

/// A page of deliveries, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The deliveries. A page may hold fewer than the limit although more follow: a search reads a bounded number of
    /// rows.
    pub deliveries: Vec<Summary>,
    /// Where the next page continues; `None` on the last page.
    pub next: Option<Position>,
}

/// The Delivery Logs.
pub trait DeliveryLog: Send + Sync {
    /// Returns a page of deliveries, newest first. Of those that a customer has asked for, only a search for
    /// the undelivered says whether a later one has made them good.
    fn search(&self, account: &AccountId, search: &Search) -> impl Future<Output = Result<Page>> + Send;

    /// Returns a page of events, newest first. Of the filter, the kind of event and the time apply.
    fn events(&self, account: &AccountId, search: &Search) -> impl Future<Output = Result<EventPage>> + Send;

    /// Looks up which of the deliveries that a search has found, if they failed, a later one has made good.
    fn with_later(&self, found: Vec<Summary>) -> impl Future<Output = Result<Vec<Summary>>> + Send;

    /// Returns one delivery with its records, in order.
    fn history(
        &self,
        account: &AccountId,
        delivery: &DeliveryId,
    ) -> impl Future<Output = Result<Option<(Summary, Vec<Record>)>>> + Send;

    /// Returns an event, while it is retained.
    fn event(
        &self,
        account: &AccountId,
        event: &EventId,
    ) -> impl Future<Output = Result<Option<LifecycleEvent>>> + Send;

    /// Returns the event of a delivery with the payload that this one carries, while it is retained.
    fn carried(&self, delivery: &Delivery) -> impl Future<Output = Result<Option<LifecycleEvent>>> + Send;
}
