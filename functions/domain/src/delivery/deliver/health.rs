//! What the ends of a batch say about its destinations.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::delivery::deliver::item::{Content, Item, Sendable};
use crate::delivery::deliver::{Deliver, Verdict};
use crate::delivery::message::DeliveryQueue;
use crate::delivery::received::Visibility;
use crate::destination::health::End;
use crate::destination::store::HealthStore;
use crate::event::message::NoticeQueue;
use crate::shared::catch_panic::catch_panic;
use crate::shared::timestamp::Timestamp;

impl Item<'_> {
    /// Keeps the end of the delivery for its destination's health.
    pub(super) fn note(&self, end: Option<End>) {
        if let Some(end) = end {
            let _ = self.end.set(end); // an item ends once
        }
    }
}

impl<L, C, D, S, Q, H, N> Deliver<L, C, D, S, Q, H, N>
where
    Q: DeliveryQueue + Visibility,
    H: HealthStore,
    N: NoticeQueue,
{
    /// Adds the ends to the health of each destination. If that cannot be written, their messages come back: the records
    /// tell the ends again.
    pub(super) async fn observe_ends(
        &self,
        items: &[Item<'_>],
        read_at: Timestamp,
        verdicts: &mut [Verdict],
    ) {
        let mut ended: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, item) in items.iter().enumerate().filter(|(_, item)| item.end.get().is_some()) {
            let delivery = &item.delivery;
            ended.entry((&delivery.account_id, &delivery.destination_id)).or_default().push(index);
        }
        let observe = async |of_one: Vec<usize>| {
            let Some(first) = of_one.first().map(|&index| &items[index]) else { return Vec::new() };
            let Ok(Content::Sendable(Sendable { destination, health, .. })) = &first.content else {
                return Vec::new(); // nothing is sent there any more
            };
            let ends: Vec<_> = of_one.iter().filter_map(|&index| items[index].end.get().cloned()).collect();
            let observing = self.monitor.observe(destination, (*health, read_at), &ends);
            let Err(error) = catch_panic(observing).await else {
                return Vec::new();
            };
            let kept =
                of_one.into_iter().map(async |index| (index, self.fail(items[index].received, &error).await));
            join_all(kept).await
        };
        for (index, verdict) in join_all(ended.into_values().map(observe)).await.into_iter().flatten() {
            verdicts[index] = verdict;
        }
    }
}
