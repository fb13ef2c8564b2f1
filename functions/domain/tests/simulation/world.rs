//! One simulated world: its parts, what happens in it, and what is seen of it in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use checker::Breach;
use checker::history::{History, Invariant};
use domain::conversation::ended::CompletionFlow;
use domain::conversation::fields::ConversationFields;
use domain::conversation::patch::ConversationPatch;
use domain::delivery::circuit_breaker::CircuitBreaker;
use domain::delivery::ledger::LEASE_MARGIN;
use domain::destination::record::{Destination, DestinationStatus};
use domain::destination::target_url::TargetUrl;
use domain::event::kind::EventKind;
use domain::lifecycle::complete::{Complete, Completion};
use domain::lifecycle::provider_callback::Ending;
use domain::shared::clock::Clock;
use domain::shared::ids::{ConversationId, DeliveryId, DestinationId, EventId};
use domain::shared::rate::RateLimit;
use domain::shared::skew_corrected_clock::SkewCorrectedClock;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::{
    MemoryConversations, MemoryDestinations, MemoryLedger, MemoryRates, SeededRandomness, sample,
};
use futures_util::future::{Either, select};

use crate::executor::Time;
use crate::faults::{Fault, Faults};
use crate::network::Network;
use crate::ports::Ports;
use crate::queue::{Queues, Source};
use crate::scale::Scale;
use crate::sink::{Answer, Sink};

/// 2026-09-01, and not at the start of a second.
const START: Timestamp = Timestamp::from_millis(1_788_220_800_567);

/// Long enough for all that waits to come back, several times over, and for a destination that hangs to be tried a few at a
/// time.
const DRAIN: Duration = Duration::from_secs(48 * 60 * 60);

#[derive(Default)]
struct State {
    running: [usize; 3],
    scales: [Scale; 3],
    /// What the idle sandboxes have seen of destinations that hang.
    breakers: Vec<Arc<CircuitBreaker>>,
    /// When each queue is asked next.
    polls: [Option<Timestamp>; 3],
    invocations: usize,
    events: Vec<EventId>,
    /// Each, and when it was deleted.
    destinations: BTreeMap<DestinationId, Option<Timestamp>>,
    fanned_out: BTreeMap<EventId, Timestamp>,
    /// Deliveries whose message a queue has taken.
    sent: BTreeSet<DeliveryId>,
}

pub(crate) struct World {
    pub(crate) time: Time,
    pub(crate) randomness: SeededRandomness,
    pub(crate) faults: Faults,
    pub(crate) queues: Queues,
    pub(crate) ledger: MemoryLedger,
    pub(crate) tenants: MemoryDestinations,
    pub(crate) conversations: MemoryConversations,
    pub(crate) rates: MemoryRates,
    pub(crate) sink: Sink,
    pub(crate) rate_limit: Option<RateLimit>,
    /// Workers set their clocks by the dates of the answers.
    pub(crate) hears_dates: bool,
    /// Nothing holds it up: a retry comes when it is due.
    pub(crate) is_idle: bool,
    /// Invocations at a time, of each queue.
    pub(crate) workers: usize,
    /// Whether a queue's invocations become more as slowly as Lambda's, or can be as many as there may be at once.
    pub(crate) scales: bool,
    /// The clocks of the sandboxes that invocations run in.
    pub(crate) sandboxes: Vec<Arc<SkewCorrectedClock>>,
    /// Sandboxes remember which destinations hang.
    pub(crate) has_breakers: bool,
    state: Mutex<State>,
}

/// A sandbox's clock, which may be wrong.
struct SandboxClock {
    time: Time,
    fast: Duration,
    slow: Duration,
}

impl Clock for SandboxClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0) + (self.time.now() + self.fast).since(Timestamp::from_millis(0) + self.slow)
    }
}

impl World {
    /// Without a fault and without a destination, with two workers for each queue whose clocks are right.
    pub(crate) fn calm(seed: u64) -> Self {
        Self::with_in_flight(seed, usize::MAX)
    }

    /// The same with so many messages of a queue that can be in flight.
    pub(crate) fn with_in_flight(seed: u64, in_flight: usize) -> Self {
        let (time, randomness) = (Time::starting_at(START), SeededRandomness::new(seed));
        let faults = Faults::none(&randomness, &time);
        let mut world = Self::under(faults, time, randomness, in_flight);
        world.sandboxes = vec![world.clock_off_by(0), world.clock_off_by(0)];
        world
    }

    fn under(faults: Faults, time: Time, randomness: SeededRandomness, in_flight: usize) -> Self {
        Self {
            queues: Queues::new(&randomness, &faults, in_flight),
            ledger: MemoryLedger::default(),
            tenants: MemoryDestinations::default(),
            conversations: MemoryConversations::default(),
            rates: MemoryRates::default(),
            sink: Sink::default(),
            rate_limit: None,
            hears_dates: true,
            is_idle: false,
            workers: 2,
            scales: false,
            sandboxes: Vec::new(),
            has_breakers: true,
            state: Mutex::default(),
            time,
            randomness,
            faults,
        }
    }

    /// As the seed has it, with everything that happens in it.
    pub(crate) fn of_seed(seed: u64) -> Arc<Self> {
        let (time, randomness) = (Time::starting_at(START), SeededRandomness::new(seed));
        let faults = Faults::weather(&randomness, &time);
        let in_flight = if randomness.chance(0.1) { 1 + randomness.below(12) } else { usize::MAX };
        let mut world = Self::under(faults, time, randomness, in_flight);
        world.rate_limit = RateLimit::new(if world.randomness.chance(0.1) {
            1 + world.randomness.below(5) as u64
        } else {
            0
        });
        world.workers = 1 + world.randomness.below(4);
        for _ in 0..=world.randomness.below(4) {
            let wrong = world.faults.happens(crate::faults::Point::Invoke, Fault::WrongClock);
            let off_by = if wrong { world.randomness.below(600_001) as i64 - 300_000 } else { 0 };
            let clock = world.clock_off_by(off_by);
            world.sandboxes.push(clock);
        }
        let world = Arc::new(world);
        let randomness = &world.randomness;
        for index in 0..=randomness.below(6) {
            let status =
                if randomness.chance(0.1) { DestinationStatus::Disabled } else { DestinationStatus::Enabled };
            let id = world.destination(index, status);
            world.sink.open(&id, &[], Some(randomness));
            if randomness.chance(0.15) {
                world.change_in_time(&id);
            }
        }
        for _ in 0..=randomness.below(3) {
            world.end_conversation(randomness.any_scale(Duration::from_secs(60)));
        }
        if randomness.chance(0.05) {
            world.faults.note(Fault::Poison, || "a body that is not ours".to_owned());
            let queue = *randomness.pick(&[Source::Events, Source::Deliveries]);
            world.send(queue, "".into(), (*randomness.pick(&["", "{}", "not json"])).into(), Duration::ZERO);
        }
        world
    }

    pub(crate) fn clock_off_by(&self, millis: i64) -> Arc<SkewCorrectedClock> {
        let span = Duration::from_millis(millis.unsigned_abs());
        let (fast, slow) = if millis > 0 { (span, Duration::ZERO) } else { (Duration::ZERO, span) };
        Arc::new(SkewCorrectedClock::new(Arc::new(SandboxClock { time: self.time.clone(), fast, slow })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Sets a destination up.
    pub(crate) fn destination(&self, index: usize, status: DestinationStatus) -> DestinationId {
        let plain = sample::destination(&format!("dst_{index}"));
        let id = plain.id.clone();
        self.tenants.put(Destination { status, url: url("here", &id), ..plain });
        self.state().destinations.insert(id.clone(), None);
        id
    }

    /// The same that answers so, and then with 200.
    pub(crate) fn destination_that(&self, index: usize, script: &[Answer]) -> DestinationId {
        let id = self.destination(index, DestinationStatus::Enabled);
        self.sink.open(&id, script, None);
        id
    }

    /// Its owner changes it.
    pub(crate) fn change(&self, id: &DestinationId, change: Fault) {
        self.faults.note(change, || id.to_string());
        let plain = Destination { url: url("here", id), ..sample::destination(id.as_str()) };
        match change {
            Fault::Disabled => {
                self.tenants.put(Destination { status: DestinationStatus::Disabled, ..plain });
            }
            Fault::Moved => self.tenants.put(Destination { url: url("there", id), ..plain }),
            Fault::Deleted => {
                self.tenants.remove(id);
                let now = self.time.now();
                self.state().destinations.insert(id.clone(), Some(now));
            }
            _ => self.tenants.put(plain),
        }
    }

    fn change_in_time(self: &Arc<Self>, id: &DestinationId) {
        let change = *self.randomness.pick(&[Fault::Disabled, Fault::Moved, Fault::Deleted]);
        let (world, id) = (Arc::clone(self), id.clone());
        self.time.after(self.randomness.any_scale(Duration::from_secs(120)), move || {
            world.change(&id, change);
            if change != Fault::Deleted && world.randomness.chance(0.5) {
                let after = world.randomness.any_scale(Duration::from_secs(120));
                world.time.clone().after(after, move || world.change(&id, Fault::Enabled));
            }
        });
    }

    /// A conversation ends, and whoever knows says so until we have taken it.
    pub(crate) fn end_conversation(self: &Arc<Self>, after: Duration) -> EventId {
        let number = self.state().events.len();
        let conversation_id = ConversationId::parse(format!("conversation-{number}")).unwrap();
        let event = EventId::of_conversation(&sample::account(), &conversation_id);
        self.state().events.push(event.clone());
        let world = Arc::clone(self);
        self.time.spawn(async move {
            world.time.sleep(after).await;
            let completion = Completion {
                account_id: sample::account(),
                conversation_id,
                flow: CompletionFlow::Hangup,
                end: Ending::As(EventKind::Completed),
                ended_at: None,
                stated: ConversationPatch::default(),
                known: ConversationFields::default(),
            };
            while !world.is_taken(&completion).await {
                world.time.sleep(world.randomness.millis(100, 10_000)).await;
            }
        });
        event
    }

    async fn is_taken(self: &Arc<Self>, completion: &Completion) -> bool {
        let network = Network {
            time: self.time.clone(),
            randomness: self.randomness.clone(),
            faults: self.faults.clone(),
            life: Default::default(),
            clock: self.sandbox(),
            hears_dates: self.hears_dates,
        };
        let (life, clock) = (network.life.clone(), Arc::clone(&network.clock));
        let ports = Ports { world: Arc::clone(self), network };
        let complete = Complete::new(ports.clone(), ports, clock);
        match select(life, pin!(complete.run(completion))).await {
            Either::Left(_) => false,
            Either::Right((completed, _)) => completed.is_ok(),
        }
    }

    pub(crate) fn sandbox(&self) -> Arc<SkewCorrectedClock> {
        Arc::clone(self.randomness.pick(&self.sandboxes))
    }

    /// That of the sandbox which became idle last, or of a new one. Clocks are dealt out by themselves.
    pub(crate) fn take_breaker(&self) -> Arc<CircuitBreaker> {
        self.state().breakers.pop().unwrap_or_default()
    }

    /// A sandbox that has lived through its invocation is used again.
    pub(crate) fn keep_breaker(&self, circuit_breaker: Arc<CircuitBreaker>) {
        if self.has_breakers {
            self.state().breakers.push(circuit_breaker);
        }
    }

    pub(crate) fn invocation_id(&self) -> String {
        let mut state = self.state();
        state.invocations += 1;
        format!("invocation-{}", state.invocations)
    }

    pub(crate) fn may_invoke(&self, source: Source) -> bool {
        let mut state = self.state();
        let running = state.running[source as usize];
        if running >= self.workers || !self.scales {
            return running < self.workers;
        }
        let now = self.time.now();
        let waits = self.queues.next_visible(source).is_some_and(|at| at <= now);
        state.scales[source as usize].allows(running, waits, now)
    }

    /// When there may be one more of a queue's invocations, if that is yet to come.
    pub(crate) fn grows_at(&self, source: Source) -> Option<Timestamp> {
        let state = self.state();
        let grows = self.scales && state.running[source as usize] < self.workers;
        grows.then(|| state.scales[source as usize].grows_at).filter(|at| *at > self.time.now())
    }

    /// Whether it is asked before it would be asked anyhow.
    pub(crate) fn is_next_poll(&self, source: Source, at: Timestamp) -> bool {
        let mut state = self.state();
        let next = &mut state.polls[source as usize];
        let is_next = next.is_none_or(|next| at < next);
        if is_next {
            *next = Some(at);
        }
        is_next
    }

    pub(crate) fn is_poll_due(&self, source: Source, at: Timestamp) -> bool {
        self.state().polls[source as usize].take_if(|next| *next == at).is_some()
    }

    pub(crate) fn begin(&self, source: Source) {
        self.state().running[source as usize] += 1;
    }

    pub(crate) fn end(&self, source: Source) {
        self.state().running[source as usize] -= 1;
    }

    pub(crate) fn send(self: &Arc<Self>, to: Source, group: Arc<str>, body: Arc<str>, delay: Duration) {
        self.queues.send(to, group, body, self.time.now() + delay);
        self.poll_after(to, delay);
    }

    /// A queue has taken its message.
    pub(crate) fn expect(&self, delivery: &DeliveryId) {
        self.state().sent.insert(delivery.clone());
    }

    pub(crate) fn fanned_out(&self, event: &EventId) {
        let now = self.time.now();
        self.state().fanned_out.entry(event.clone()).or_insert(now);
    }

    /// Lets it run until it is quiet, long after the last fault.
    pub(crate) fn run(self: &Arc<Self>) -> History {
        self.time.run_until(self.time.now().max(self.faults.until()) + DRAIN);
        self.history()
    }

    fn history(&self) -> History {
        let state = self.state();
        // As much as a lease allows for.
        let clocks_differ_by =
            if self.faults.has_happened(Fault::WrongClock) { LEASE_MARGIN } else { Duration::ZERO };
        let mut history = History {
            requests: self.sink.requests(),
            left: self.queues.left(),
            clocks_differ_by,
            is_idle: self.is_idle,
            ..History::default()
        };
        for event in &state.events {
            for (destination, deleted_at) in &state.destinations {
                let id = DeliveryId::of(event, destination);
                let records = self.ledger.records_of(&id);
                // Of a destination that was deleted before fan-out was through, there may be none.
                let was_there =
                    deleted_at.is_none_or(|at| state.fanned_out.get(event).is_some_and(|done| *done < at));
                if was_there || state.sent.contains(&id) || !records.is_empty() {
                    history.expected.insert(id.clone());
                }
                if !records.is_empty() {
                    history.records.insert(id, records);
                }
            }
        }
        history
    }

    /// The promises that were not kept. A sandbox that stands still sends its request at any time before its deadline,
    /// and is slow to see that an attempt is over: it is excused from those of time.
    pub(crate) fn breaches(&self, history: &History) -> Vec<Breach> {
        let is_excused = |invariant| {
            self.faults.has_happened(Fault::Frozen)
                && matches!(invariant, Invariant::Spacing | Invariant::Bounds)
        };
        let breaches = checker::check(history).into_iter();
        breaches.filter(|breach| !is_excused(breach.invariant)).collect()
    }
}

fn url(host: &str, id: &DestinationId) -> TargetUrl {
    TargetUrl::from_stored(&format!("https://{host}.example.com/hooks?destination={id}")).unwrap()
}
