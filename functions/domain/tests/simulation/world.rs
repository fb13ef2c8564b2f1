//! One simulated world: its parts, the events in it, and the history a test observes at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use checker::Breach;
use checker::history::{History, Invariant};
use domain::delivery::circuit_breaker::CircuitBreaker;
use domain::delivery::ledger::LEASE_MARGIN;
use domain::destination::record::DestinationStatus;
use domain::shared::clock::Clock;
use domain::shared::ids::{ConversationId, DeliveryId, DestinationId, EventId};
use domain::shared::rate::RateLimit;
use domain::shared::skew_corrected_clock::SkewCorrectedClock;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::{
    MemoryConversations, MemoryDestinations, MemoryLedger, MemoryRates, SeededRandomness, sample,
};

use crate::capacity::Capacity;
use crate::executor::Time;
use crate::faults::{Fault, Faults, KEY, Point, TABLES};
use crate::health::{Notices, without_notices};
use crate::log::Log;
use crate::queue::{Queues, Source};
use crate::scale::Scale;
use crate::sink::Sink;
use crate::tenants::Tenant;

/// 2026-09-01, not at the start of a second.
const START: Timestamp = Timestamp::from_millis(1_788_220_800_567);

/// Long enough for every waiting message to return several times, for a hanging destination to be tried with a few
/// deliveries at a time, and for extended retries: 45 hours, and ten more if the destination postpones each.
const DRAIN: Duration = Duration::from_secs(100 * 60 * 60);

#[derive(Default)]
pub(crate) struct State {
    running: [usize; 3],
    scales: [Scale; 3],
    /// The circuit breakers of the idle sandboxes.
    breakers: Vec<Arc<CircuitBreaker>>,
    /// When each queue is polled next.
    polls: [Option<Timestamp>; 3],
    invocations: usize,
    events: Vec<(ConversationId, EventId)>,
    /// Every destination.
    pub(crate) destinations: BTreeMap<DestinationId, Tenant>,
    /// Deliveries whose message a queue has accepted.
    sent: BTreeSet<DeliveryId>,
    pub(crate) notices: Notices,
}

pub(crate) struct World {
    pub(crate) time: Time,
    pub(crate) randomness: SeededRandomness,
    pub(crate) faults: Faults,
    pub(crate) queues: Queues,
    pub(crate) ledger: MemoryLedger,
    pub(crate) log: Log,
    pub(crate) tenants: MemoryDestinations,
    pub(crate) conversations: MemoryConversations,
    pub(crate) rates: MemoryRates,
    pub(crate) capacity: Capacity,
    pub(crate) sink: Sink,
    pub(crate) rate_limit: Option<RateLimit>,
    /// The share of destinations with extended retries.
    pub(crate) extended: f64,
    /// After how much time with nothing but failures a destination is disabled.
    pub(crate) disable_after: Option<Duration>,
    /// Whether workers correct their clocks by the `Date` headers of responses.
    pub(crate) syncs_clocks: bool,
    /// Whether there is no backlog, so that retries are made when due.
    pub(crate) is_idle: bool,
    /// Concurrent invocations for each queue.
    pub(crate) workers: usize,
    /// Whether the number of invocations grows as slowly as Lambda's, or may reach `workers` at once.
    pub(crate) scales: bool,
    /// The clocks of the sandboxes in which invocations run.
    pub(crate) sandbox_clocks: Vec<Arc<SkewCorrectedClock>>,
    /// Whether sandboxes keep their circuit breakers between invocations.
    pub(crate) has_breakers: bool,
    /// `RecursiveLoop: Allow`, as in `infra/template.yaml`.
    pub(crate) allows_loops: bool,
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
    /// Creates a world without faults or destinations, with two workers for each queue and correct clocks.
    pub(crate) fn calm(seed: u64) -> Self {
        Self::with_max_in_flight(seed, usize::MAX)
    }

    /// Creates a calm world in which at most `max_in_flight` messages of a queue are in flight.
    pub(crate) fn with_max_in_flight(seed: u64, max_in_flight: usize) -> Self {
        let (time, randomness) = (Time::starting_at(START), SeededRandomness::new(seed));
        let faults = Faults::none(&randomness, &time);
        let mut world = Self::new(faults, time, randomness, max_in_flight);
        world.sandbox_clocks = vec![world.clock_off_by(0), world.clock_off_by(0)];
        world
    }

    fn new(faults: Faults, time: Time, randomness: SeededRandomness, max_in_flight: usize) -> Self {
        Self {
            queues: Queues::new(&randomness, &faults, max_in_flight),
            ledger: MemoryLedger::default(),
            log: Log::default(),
            tenants: MemoryDestinations::default(),
            conversations: MemoryConversations::default(),
            rates: MemoryRates::default(),
            capacity: Capacity::default(),
            sink: Sink::default(),
            rate_limit: None,
            extended: 0.0,
            disable_after: None,
            syncs_clocks: true,
            is_idle: false,
            workers: 2,
            scales: false,
            sandbox_clocks: Vec::new(),
            has_breakers: true,
            allows_loops: true,
            state: Mutex::default(),
            time,
            randomness,
            faults,
        }
    }

    /// Creates the world of a seed, with everything that will happen in it, changed before.
    pub(crate) fn of_seed_with(seed: u64, change: impl FnOnce(&mut Self)) -> Arc<Self> {
        let (time, randomness) = (Time::starting_at(START), SeededRandomness::new(seed));
        let faults = Faults::random(&randomness, &time);
        let max_in_flight = if randomness.chance(0.1) { 1 + randomness.below(12) } else { usize::MAX };
        let mut world = Self::new(faults, time, randomness, max_in_flight);
        world.rate_limit = RateLimit::new(if world.randomness.chance(0.1) {
            1 + world.randomness.below(5) as u64
        } else {
            0
        });
        world.workers = 1 + world.randomness.below(4);
        for _ in 0..=world.randomness.below(4) {
            let wrong = world.faults.happens(Point::Invoke, Fault::WrongClock);
            let off_by = if wrong { world.randomness.below(600_001) as i64 - 300_000 } else { 0 };
            let clock = world.clock_off_by(off_by);
            world.sandbox_clocks.push(clock);
        }
        if world.randomness.chance(0.3) {
            world.extended = 0.5;
        }
        change(&mut world);
        let world = Arc::new(world);
        let randomness = &world.randomness;
        for index in 0..=randomness.below(6) {
            let status =
                if randomness.chance(0.1) { DestinationStatus::Disabled } else { DestinationStatus::Enabled };
            let id = world.destination(index, status);
            world.sink.add(&id, &[], Some(randomness));
            if randomness.chance(0.15) {
                world.change_later(&id);
            }
        }
        for _ in 0..=randomness.below(3) {
            let reports = world.random_reports();
            world.end_conversation_by(&reports);
        }
        if randomness.chance(0.1) {
            let (world, of) = (Arc::clone(&world), *randomness.pick(&[TABLES, KEY]));
            let from = randomness.log_uniform(Duration::from_secs(60));
            world.time.clone().after(from, move || world.faults.start_outage(of));
        }
        if randomness.chance(0.05) {
            world.faults.note(Fault::Poison, || "a body that is not a message".to_owned());
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

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Registers the next conversation, whose end is one event.
    pub(crate) fn add_conversation(&self) -> (ConversationId, EventId) {
        let mut state = self.state();
        let conversation_id = ConversationId::parse(format!("conversation-{}", state.events.len())).unwrap();
        let event = EventId::of_conversation(&sample::account(), &conversation_id);
        state.events.push((conversation_id.clone(), event.clone()));
        (conversation_id, event)
    }

    /// Every conversation, and its event.
    pub(crate) fn events(&self) -> Vec<(ConversationId, EventId)> {
        self.state().events.clone()
    }

    pub(crate) fn sandbox_clock(&self) -> Arc<SkewCorrectedClock> {
        Arc::clone(self.randomness.pick(&self.sandbox_clocks))
    }

    /// Takes the circuit breaker of the most recently idle sandbox, or of a new one. Clocks are assigned independently.
    pub(crate) fn take_breaker(&self) -> Arc<CircuitBreaker> {
        self.state().breakers.pop().unwrap_or_default()
    }

    /// Returns the circuit breaker of a sandbox that survived its invocation, for reuse.
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
        let messages_wait = self.queues.next_visible(source).is_some_and(|at| at <= now);
        state.scales[source as usize].allows(running, messages_wait, now)
    }

    /// Returns when one more invocation of a queue becomes possible, if that is in the future.
    pub(crate) fn grows_at(&self, source: Source) -> Option<Timestamp> {
        let state = self.state();
        let grows = self.scales && state.running[source as usize] < self.workers;
        grows.then(|| state.scales[source as usize].grows_at).filter(|at| *at > self.time.now())
    }

    /// Schedules a poll unless an earlier one is scheduled; returns whether it did.
    pub(crate) fn schedule_poll(&self, source: Source, at: Timestamp) -> bool {
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

    pub(crate) fn start_invocation(&self, source: Source) {
        self.state().running[source as usize] += 1;
    }

    pub(crate) fn end_invocation(&self, source: Source) {
        self.state().running[source as usize] -= 1;
    }

    /// Sends a message from outside Dispatch.
    pub(crate) fn send(self: &Arc<Self>, to: Source, group: Arc<str>, body: Arc<str>, delay: Duration) {
        self.send_in_chain(to, group, body, delay, 0);
    }

    /// Sends a message in a chain of requests in which Dispatch has appeared this often.
    pub(crate) fn send_in_chain(
        self: &Arc<Self>,
        to: Source,
        group: Arc<str>,
        body: Arc<str>,
        delay: Duration,
        appearances: u32,
    ) {
        self.queues.send(to, group, body, self.time.now() + delay, appearances);
        self.poll_after(to, delay);
    }

    /// Notes that a queue has accepted the delivery's message.
    pub(crate) fn expect(&self, delivery: &DeliveryId) {
        self.state().sent.insert(delivery.clone());
    }

    /// Runs the world until it is idle, long after the last fault.
    pub(crate) fn run(self: &Arc<Self>) -> History {
        self.run_for(self.faults.until().since(self.time.now()) + DRAIN)
    }

    pub(crate) fn run_for(self: &Arc<Self>, span: Duration) -> History {
        self.time.run_until(self.time.now() + span);
        self.history()
    }

    fn history(&self) -> History {
        let state = self.state();
        // The most a lease tolerates.
        let clocks_differ_by =
            if self.faults.has_happened(Fault::WrongClock) { LEASE_MARGIN } else { Duration::ZERO };
        let mut history = History {
            requests: without_notices(self.sink.requests(), &state.events),
            left: self.queues.left(),
            clocks_differ_by,
            is_idle: self.is_idle,
            ..History::default()
        };
        for (_, event) in &state.events {
            for (destination, tenant) in &state.destinations {
                let id = DeliveryId::of(event, destination);
                // A destination that was deleted may have no delivery.
                if !tenant.is_deleted || state.sent.contains(&id) {
                    history.expected.insert(id);
                }
            }
        }
        let events: BTreeSet<_> = state.events.iter().map(|(_, event)| event).collect();
        let is_events = |id: &DeliveryId| id.event_id().is_some_and(|event| events.contains(&event));
        // Also those of recoveries.
        history.expected.extend(state.sent.iter().filter(|id| is_events(id)).cloned());
        for (id, delivery) in self.log.state().deliveries.iter().filter(|(id, _)| is_events(id)) {
            let records = self.ledger.records_of(id);
            if state.destinations.get(&delivery.destination_id).is_some_and(Tenant::is_extended) {
                history.extended.insert(id.clone());
            }
            if !records.is_empty() {
                history.expected.insert(id.clone());
                history.records.insert(id.clone(), records);
            }
        }
        history
    }

    /// Returns every broken promise. Worlds with a frozen sandbox are excused from promises about time: it may send its
    /// request at any time before its deadline, and notices late that an attempt is over.
    pub(crate) fn breaches(&self, history: &History) -> Vec<Breach> {
        let is_excused = |invariant| {
            self.faults.has_happened(Fault::Frozen)
                && matches!(invariant, Invariant::Spacing | Invariant::Bounds)
        };
        let breaches = checker::check(history).into_iter();
        breaches.filter(|breach| !is_excused(breach.invariant)).collect()
    }
}
