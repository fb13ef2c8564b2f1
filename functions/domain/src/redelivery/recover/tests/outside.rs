//! Everything outside the use case, in memory.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard};

use super::super::*;
use crate::delivery::history::Record;
use crate::delivery::state::{DeliveryState, Summary};
use crate::delivery_log::events::{EventPage, ListedEvent};
use crate::delivery_log::search::{Filter, Page as LogPage, Search};
use crate::event::lifecycle_event::LifecycleEvent;
use crate::redelivery::recovery::Request;
use crate::redelivery::request_recovery::RequestRecovery;
use crate::shared::ids::{ConversationId, DeliveryId, DestinationId, EventId, RecoveryId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Saved, Unavailable};
use crate::testing::fakes::{ManualClock, sample};

/// Everything outside the use case, in memory.
#[derive(Default)]
pub(super) struct Outside {
    pub(super) events: Vec<LifecycleEvent>,
    pub(super) log: Vec<Summary>,
    pub(super) destinations: Vec<Destination>,
    pub(super) recoveries: Vec<Recovery>,
    pub(super) plan: Vec<Page>,
    pub(super) steps: VecDeque<RecoveryMessage>,
    pub(super) sent: Vec<DeliveryMessage>,
    /// Calls until the worker dies, and whether the last one still takes effect.
    pub(super) dies: Option<(usize, bool)>,
}

#[derive(Clone)]
pub(super) struct World {
    state: Arc<Mutex<Outside>>,
    pub(super) clock: Arc<ManualClock>,
}

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_788_256_800_000);

impl World {
    pub(super) fn new() -> Self {
        let world = Self { state: Arc::default(), clock: Arc::new(ManualClock::new(NOW.as_millis())) };
        world.lock().destinations = vec![sample::destination("dst_1")];
        world
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Outside> {
        self.state.lock().unwrap()
    }

    /// A call of a port: it may be the last one of this worker.
    pub(super) fn call<T>(&self, effect: impl FnOnce(&mut Outside) -> T) -> Result<T> {
        let mut state = self.lock();
        let dead = || Err(Unavailable::new("call", "the worker is dead"));
        match &mut state.dies {
            Some((0, _)) => dead(),
            Some((1, takes_effect)) => {
                let takes_effect = *takes_effect;
                state.dies = Some((0, false));
                if takes_effect {
                    effect(&mut state);
                }
                dead()
            }
            Some((left, _)) => {
                *left -= 1;
                Ok(effect(&mut state))
            }
            None => Ok(effect(&mut state)),
        }
    }

    /// An event that was accepted so many seconds ago.
    pub(super) fn event(&self, ago: u64) -> LifecycleEvent {
        let conversation_id = ConversationId::parse(format!("c-{ago}")).unwrap();
        let event = LifecycleEvent {
            id: EventId::of_conversation(&sample::account(), &conversation_id),
            conversation_id: Some(conversation_id),
            accepted_at: Timestamp::from_millis(NOW.as_millis() - ago * 1000),
            ..sample::event(r#"{"agent_id":"a-1"}"#)
        };
        self.lock().events.push(event.clone());
        event
    }

    /// A delivery of an event to a destination.
    pub(super) fn record(
        &self,
        event: &LifecycleEvent,
        destination: &str,
        status: DeliveryStatus,
    ) -> Delivery {
        let made = delivery(event, &sample::destination(destination));
        self.note(&made, status);
        made
    }

    /// Events, each with a delivery that failed.
    pub(super) fn record_failures(&self, count: u64) {
        for ago in 1..=count {
            let event = self.event(ago);
            self.record(&event, "dst_1", DeliveryStatus::Exhausted);
        }
    }

    pub(super) fn note(&self, delivery: &Delivery, status: DeliveryStatus) {
        let state = DeliveryState {
            status,
            attempts: 4,
            outcome: None,
            http_status: None,
            error: None,
            next_at: None,
            updated_at: delivery.created_at,
        };
        let mut world = self.lock();
        world.log.retain(|one| one.delivery.id != delivery.id);
        world.log.push(Summary {
            delivery: delivery.clone(),
            state,
            delivered_later_by: None,
            latencies: Vec::new(),
        });
    }

    pub(super) fn recover(&self) -> Recover<Self, Self, Self, Self, Self> {
        let port = || self.clone();
        Recover::new(port(), port(), port(), port(), port(), self.clock.clone())
    }

    pub(super) fn requests(&self) -> RequestRecovery<Self, Self, Self> {
        RequestRecovery::new(self.clone(), self.clone(), self.clone(), self.clock.clone())
    }

    pub(super) async fn start(&self, id: u8, request: Request) -> RecoveryId {
        let id = RecoveryId::new([id; 12]);
        self.lock().plan.clear();
        self.requests().start(&sample::account(), id.clone(), request).await.unwrap().unwrap();
        id
    }

    /// Takes the next step; false if there is none. If its worker dies, another one takes its place.
    pub(super) async fn step(&self) -> bool {
        let Some(message) = self.lock().steps.pop_front() else { return false };
        let verdict = self.recover().run(&message).await;
        let mut outside = self.lock();
        if matches!(outside.dies, Some((0, _))) {
            outside.dies = None;
        }
        if verdict == Verdict::Keep {
            outside.steps.push_back(message);
        }
        true
    }

    /// Takes every step, while whatever was sent ends like this.
    pub(super) async fn run(&self, end: DeliveryStatus) {
        for _ in 0..1_000 {
            if !self.step().await {
                return;
            }
            self.deliver(end);
        }
        panic!("the recovery does not end");
    }

    /// Ends whatever was sent and has not ended, as the ledger has it: each delivery once.
    pub(super) fn deliver(&self, end: DeliveryStatus) {
        self.clock.advance(Duration::from_secs(5));
        let sent = self.lock().sent.clone();
        for message in sent {
            let made = message.delivery();
            let is_new = self.lock().log.iter().all(|one| one.delivery.id != made.id);
            if is_new {
                self.note(&made, end);
            }
        }
    }

    pub(super) fn shown(&self, id: &RecoveryId) -> Recovery {
        self.lock().recoveries.iter().find(|one| one.id == *id).unwrap().clone()
    }

    pub(super) fn progress(&self, id: &RecoveryId) -> [usize; 4] {
        let Progress { found, queued, delivered, failed } = self.shown(id).progress;
        [found, queued, delivered, failed]
    }

    /// The conversations of what was sent, in order, each as often as it was sent.
    pub(super) fn sent(&self) -> Vec<String> {
        self.lock().sent.iter().map(|one| one.conversation_id.clone().unwrap().to_string()).collect()
    }

    pub(super) fn distinct(&self) -> usize {
        self.lock().sent.iter().map(|one| one.delivery_id.clone()).collect::<BTreeSet<_>>().len()
    }
}

pub(super) fn failed() -> Request {
    Request {
        destination_id: None,
        since: Timestamp::from_millis(0),
        until: Timestamp::from_millis(u64::MAX),
        event: None,
        status: None,
        include: vec![Include::Failed],
        per_second: 10,
        dry_run: false,
    }
}

pub(super) fn missing() -> Request {
    Request { include: vec![Include::Missing], ..failed() }
}

impl DeliveryLog for World {
    async fn search(&self, _: &AccountId, search: &Search) -> Result<LogPage> {
        self.call(|state| {
            let key = |one: &Summary| position(&one.delivery);
            let mut found: Vec<_> = state.log.clone();
            found.retain(|one| search.filter.matches(one) && is_after(&key(one), search.after.as_ref()));
            found.sort_by_key(|one| std::cmp::Reverse(key(one)));
            // Two at a time, so that a plan has several pages.
            let limit = if search.filter.event_id.is_some() { search.limit } else { 2 };
            let more = found.len() > limit;
            found.truncate(limit);
            let next = found.last().map(key).filter(|_| more);
            LogPage { deliveries: found, next }
        })
    }

    async fn with_later(&self, found: Vec<Summary>) -> Result<Vec<Summary>> {
        Ok(found) // only searches of the log ask
    }

    async fn events(&self, _: &AccountId, search: &Search) -> Result<EventPage> {
        assert_eq!(search.filter.destination, None);
        self.call(|state| {
            let listed = |event: &LifecycleEvent| ListedEvent {
                id: event.id.clone(),
                conversation_id: event.conversation_id.clone(),
                kind: event.kind,
                created_at: event.accepted_at,
                deliveries: Vec::new(),
            };
            let Filter { event, from, to, .. } = search.filter.clone();
            let mut events: Vec<_> = state.events.iter().map(listed).collect();
            events.retain(|one| event.is_none_or(|kind| kind == one.kind));
            events.retain(|one| from <= Some(one.created_at) && to.is_none_or(|to| one.created_at < to));
            events.retain(|one| is_after(&one.position(), search.after.as_ref()));
            events.sort_by_key(|one| std::cmp::Reverse(one.position()));
            let more = events.len() > 2;
            events.truncate(2);
            let next = events.last().map(ListedEvent::position).filter(|_| more);
            EventPage { events, next }
        })
    }

    async fn history(&self, _: &AccountId, _: &DeliveryId) -> Result<Option<(Summary, Vec<Record>)>> {
        Ok(None)
    }

    async fn event(&self, _: &AccountId, id: &EventId) -> Result<Option<LifecycleEvent>> {
        self.call(|state| state.events.iter().find(|one| one.id == *id).cloned())
    }

    async fn carried(&self, _: &Delivery) -> Result<Option<LifecycleEvent>> {
        Ok(None)
    }
}

fn position(delivery: &Delivery) -> Position {
    Position { created_at: delivery.created_at, delivery_id: delivery.id.clone() }
}

fn is_after(position: &Position, after: Option<&Position>) -> bool {
    after.is_none_or(|after| position < after)
}

impl Destinations for World {
    async fn of_account(&self, _: &AccountId) -> Result<Vec<Result<Destination>>> {
        self.call(|state| state.destinations.iter().cloned().map(Ok).collect())
    }

    async fn get(&self, _: &AccountId, id: &DestinationId) -> Result<Option<Destination>> {
        self.call(|state| state.destinations.iter().find(|one| one.id == *id).cloned())
    }
}

impl Recoveries for World {
    async fn create(&self, _: &AccountId, recovery: &Recovery) -> Result<Option<Recovery>> {
        self.call(|state| {
            let found = state.recoveries.iter().find(|one| one.id == recovery.id).cloned();
            if found.is_none() {
                state.recoveries.push(recovery.clone());
            }
            found
        })
    }

    async fn load(&self, _: &AccountId, id: &RecoveryId) -> Result<Option<Recovery>> {
        self.call(|state| state.recoveries.iter().find(|one| one.id == *id).cloned())
    }

    async fn save(&self, _: &AccountId, recovery: &Recovery) -> Result<Saved> {
        self.call(|state| {
            let stored = state.recoveries.iter_mut().find(|one| one.id == recovery.id).unwrap();
            if stored.step + 1 != recovery.step {
                return Saved::Conflict;
            }
            *stored = recovery.clone();
            Saved::Yes
        })
    }

    async fn put_page(&self, _: &AccountId, recovery: &Recovery, page: Page) -> Result<Page> {
        self.call(|state| {
            // One recovery at a time has a plan here.
            let number = recovery.pages as usize;
            if state.plan.len() == number {
                state.plan.push(page);
            }
            state.plan[number].clone()
        })
    }

    async fn page(&self, _: &AccountId, _: &RecoveryId, page: u32) -> Result<Vec<Planned>> {
        self.call(|state| state.plan[page as usize].planned.clone())
    }
}

impl DeliveryQueue for World {
    async fn send(&self, messages: &[DeliveryMessage]) -> Result<()> {
        self.call(|state| state.sent.extend_from_slice(messages))
    }
}

impl RecoveryQueue for World {
    async fn send_step(&self, message: &RecoveryMessage) -> Result<()> {
        self.call(|state| state.steps.push_back(message.clone()))
    }
}
