//! Searching the Delivery Logs: filters, positions and pages.

use std::future::Future;

use crate::delivery::history::Record;
use crate::delivery::outcome::OutcomeClass;
use crate::delivery::record::DeliveryStatus;
use crate::delivery::state::Summary;
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
    /// Of this kind.
    pub event: Option<EventKind>,
    /// With this status.
    pub status: Option<DeliveryStatus>,
    /// Whose latest attempt had this outcome.
    pub outcome: Option<OutcomeClass>,
    /// Created at this time or later.
    pub from: Option<Timestamp>,
    /// Created before this time.
    pub to: Option<Timestamp>,
}

impl Filter {
    /// Whether a delivery matches every condition.
    #[must_use]
    pub fn matches(&self, Summary { delivery, state }: &Summary) -> bool {
        fn agrees<T: PartialEq>(wanted: Option<&T>, is: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == is)
        }
        agrees(self.destination.as_ref(), &delivery.destination_id)
            && agrees(self.conversation.as_ref(), &delivery.conversation_id)
            && agrees(self.event.as_ref(), &delivery.event)
            && agrees(self.status.as_ref(), &state.status)
            && self.outcome.is_none_or(|outcome| state.outcome == Some(outcome))
            && self.from.is_none_or(|from| delivery.created_at >= from)
            && self.to.is_none_or(|to| delivery.created_at < to)
    }
}

/// The place of a delivery in the log's order: by time, then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When the delivery was created.
    pub created_at: Timestamp,
    /// The delivery.
    pub delivery_id: DeliveryId,
}

impl Position {
    /// Formats the position as a table's sort key, which has the same order.
    #[must_use]
    pub fn sort_key(&self) -> String {
        format!("{}#{}", sort_prefix(self.created_at), self.delivery_id)
    }
}

/// Returns the prefix of the sort keys at a time: milliseconds as 13 digits, which lasts until 2286. Later times share
/// the last prefix, so that a search may end in any year.
#[must_use]
pub fn sort_prefix(at: Timestamp) -> String {
    format!("{:013}", at.as_millis().min(9_999_999_999_999))
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
    /// Returns a page of deliveries, newest first.
    fn search(&self, account: &AccountId, search: &Search) -> impl Future<Output = Result<Page>> + Send;

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
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn position(millis: u64) -> Position {
        Position {
            created_at: Timestamp::from_millis(millis),
            delivery_id: DeliveryId::parse("dlv_1").unwrap(),
        }
    }

    #[test]
    fn a_search_that_ends_in_a_far_year_finds_what_is_made_today() {
        let today = sort_prefix(Timestamp::from_millis(1_788_256_800_000));
        for far in ["2286-11-20T17:46:40Z", "2500-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"] {
            assert!(sort_prefix(Timestamp::parse(far).unwrap()) > today, "{far}");
        }
    }

    proptest! {
        #[test]
        fn sort_keys_order_as_positions_do(a in 0u64..9_999_999_999_999, b in 0u64..9_999_999_999_999) {
            prop_assert_eq!(position(a).cmp(&position(b)), position(a).sort_key().cmp(&position(b).sort_key()));
        }
    }
}
