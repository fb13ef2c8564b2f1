//! The Delivery Logs and the recoveries: in memory, behind the network.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use domain::delivery::history::Record;
use domain::delivery::message::{Message, RecoveryMessage, RecoveryQueue};
use domain::delivery::record::Delivery;
use domain::delivery::state::Summary;
use domain::delivery_log::events::{EventPage, ListedEvent};
use domain::delivery_log::position::Position;
use domain::delivery_log::search::{DeliveryLog, Page as Found, Search};
use domain::event::lifecycle_event::LifecycleEvent;
use domain::event::store::StoredEvent;
use domain::redelivery::recovery::{Page, Planned, Recoveries, Recovery};
use domain::shared::ids::{AccountId, DeliveryId, EventId, RecoveryId};
use domain::shared::unavailable::{Result, Saved};

use crate::faults::Point;
use crate::ports::Ports;
use crate::queue::Source;
use crate::world::World;

/// Rows that one search returns at most, so that a plan has several pages.
const ROWS: usize = 4;

#[derive(Default)]
pub(crate) struct State {
    /// Every delivery that has a record.
    pub(crate) deliveries: BTreeMap<DeliveryId, Delivery>,
    pub(crate) recoveries: BTreeMap<RecoveryId, Recovery>,
    pages: BTreeMap<(RecoveryId, u32), Page>,
}

/// What the ledger does not know of its deliveries, and the recoveries.
#[derive(Default)]
pub(crate) struct Log(Mutex<State>);

impl Log {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Notes a delivery that has a record.
    pub(crate) fn note(&self, delivery: &Delivery) {
        self.state().deliveries.entry(delivery.id.clone()).or_insert_with(|| delivery.clone());
    }
}

impl World {
    fn search(&self, search: &Search) -> Found {
        let all: Vec<_> = self.log.state().deliveries.values().cloned().collect();
        let summary = |delivery: Delivery| Summary::of(&delivery, &self.ledger.records_of(&delivery.id));
        let position = |one: &Summary| Position {
            created_at: one.delivery.created_at,
            delivery_id: one.delivery.id.clone(),
        };
        let mut found: Vec<_> = all.into_iter().filter_map(summary).collect();
        found.retain(|one| search.filter.matches(one) && is_after(&position(one), search));
        found.sort_by_key(|one| std::cmp::Reverse(position(one)));
        // Those of one event are read at once.
        let limit = if search.filter.event_id.is_some() { search.limit } else { ROWS };
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().map(position).filter(|_| more);
        Found { deliveries: found, next }
    }

    fn list_events(&self, search: &Search) -> EventPage {
        let listed = |id: EventId| {
            let event = self.event(&id)?;
            let LifecycleEvent { conversation_id, kind, accepted_at, .. } = event;
            Some(ListedEvent { id, conversation_id, kind, created_at: accepted_at, deliveries: Vec::new() })
        };
        let filter = &search.filter;
        let mut events: Vec<_> = self.events().into_iter().filter_map(|(_, id)| listed(id)).collect();
        events.retain(|one| filter.event.is_none_or(|kind| kind == one.kind));
        events.retain(|one| filter.from.is_none_or(|from| from <= one.created_at));
        events.retain(|one| filter.to.is_none_or(|to| one.created_at < to));
        events.retain(|one| is_after(&one.position(), search));
        events.sort_by_key(|one| std::cmp::Reverse(one.position()));
        let more = events.len() > ROWS;
        events.truncate(ROWS);
        let next = events.last().map(ListedEvent::position).filter(|_| more);
        EventPage { events, next }
    }

    fn event(&self, id: &EventId) -> Option<LifecycleEvent> {
        match self.tenants.events().get(id) {
            StoredEvent::Kept { event, .. } => Some(event),
            StoredEvent::Absent | StoredEvent::Forgotten { .. } => None,
        }
    }
}

fn is_after(position: &Position, search: &Search) -> bool {
    search.after.as_ref().is_none_or(|after| position < after)
}

impl DeliveryLog for Ports {
    async fn search(&self, _: &AccountId, search: &Search) -> Result<Found> {
        let (world, search) = (Arc::clone(&self.world), search.clone());
        self.network.call(Point::Log, move || Ok(world.search(&search))).await
    }

    async fn events(&self, _: &AccountId, search: &Search) -> Result<EventPage> {
        let (world, search) = (Arc::clone(&self.world), search.clone());
        self.network.call(Point::Log, move || Ok(world.list_events(&search))).await
    }

    async fn with_later(&self, found: Vec<Summary>) -> Result<Vec<Summary>> {
        Ok(found) // only searches of the undelivered ask
    }

    async fn history(&self, _: &AccountId, _: &DeliveryId) -> Result<Option<(Summary, Vec<Record>)>> {
        Ok(None) // only resends ask
    }

    async fn event(&self, _: &AccountId, event: &EventId) -> Result<Option<LifecycleEvent>> {
        let (world, event) = (Arc::clone(&self.world), event.clone());
        self.network.call(Point::Log, move || Ok(world.event(&event))).await
    }

    async fn carried(&self, _: &Delivery) -> Result<Option<LifecycleEvent>> {
        Ok(None) // only customers ask
    }
}

impl Recoveries for Ports {
    async fn create(&self, _: &AccountId, recovery: &Recovery) -> Result<Option<Recovery>> {
        let (world, new) = (Arc::clone(&self.world), recovery.clone());
        let create = move || {
            let mut state = world.log.state();
            let found = state.recoveries.get(&new.id).cloned();
            if found.is_none() {
                state.recoveries.insert(new.id.clone(), new.clone());
            }
            Ok(found)
        };
        self.network.call(Point::Recovery, create).await
    }

    async fn load(&self, _: &AccountId, id: &RecoveryId) -> Result<Option<Recovery>> {
        let (world, id) = (Arc::clone(&self.world), id.clone());
        let load = move || Ok(world.log.state().recoveries.get(&id).cloned());
        self.network.call(Point::Recovery, load).await
    }

    async fn save(&self, _: &AccountId, recovery: &Recovery) -> Result<Saved> {
        let (world, recovery) = (Arc::clone(&self.world), recovery.clone());
        let save = move || {
            let mut state = world.log.state();
            let stored = state.recoveries.get_mut(&recovery.id);
            Ok(match stored.filter(|stored| stored.step + 1 == recovery.step) {
                Some(stored) => {
                    *stored = recovery.clone();
                    Saved::Yes
                }
                None => Saved::Conflict,
            })
        };
        self.network.call(Point::Recovery, save).await
    }

    async fn put_page(&self, _: &AccountId, recovery: &Recovery, page: Page) -> Result<Page> {
        let (world, key) = (Arc::clone(&self.world), (recovery.id.clone(), recovery.pages));
        let put = move || {
            let mut state = world.log.state();
            Ok(state.pages.entry(key.clone()).or_insert_with(|| page.clone()).clone())
        };
        self.network.call(Point::Recovery, put).await
    }

    async fn page(&self, _: &AccountId, id: &RecoveryId, page: u32) -> Result<Vec<Planned>> {
        let (world, key) = (Arc::clone(&self.world), (id.clone(), page));
        let read = move || {
            let page = world.log.state().pages.get(&key).map(|page| page.planned.clone());
            Ok(page.unwrap_or_default())
        };
        self.network.call(Point::Recovery, read).await
    }
}

impl RecoveryQueue for Ports {
    async fn send_step(&self, message: &RecoveryMessage) -> Result<()> {
        let wait = message.wait.duration();
        self.send_event(&message.account_id, Message::Recovery(message.clone()), wait).await
    }
}

impl Ports {
    /// Sends a message to the queue of events.
    pub(crate) async fn send_event(
        &self,
        account: &AccountId,
        message: Message,
        wait: Duration,
    ) -> Result<()> {
        let (world, appearances) = (Arc::clone(&self.world), self.appearances);
        let (group, body): (Arc<str>, Arc<str>) = (account.as_str().into(), message.body().into());
        let send = move || {
            let (group, body) = (Arc::clone(&group), Arc::clone(&body));
            world.send_in_chain(Source::Events, group, body, wait, appearances);
            Ok(())
        };
        self.network.call(Point::SendEvent, send).await
    }
}
