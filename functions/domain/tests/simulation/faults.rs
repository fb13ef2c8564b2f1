//! The faults: which exist, how often each happens in this world, and how often it has happened.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use domain::shared::clock::Clock;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::SeededRandomness;

use crate::executor::Time;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $worst:literal),+ $(,)?) => {
        /// A fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Fault { $($(#[$doc])* $name),+ }

        impl Fault {
            /// Every variant.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// Their probabilities in the worst world.
            const WORST: &[f64] = &[$($worst),+];
        }
    };
}

faults! {
    // ---- calls to tables and queues ----
    /// Throttled, or a 500.
    Refused = 0.3,
    /// The request never arrives, and the caller times out.
    LostRequest = 0.1,
    /// The call is applied, but the caller times out.
    LostAnswer = 0.15,
    /// The call is applied long after the caller has timed out.
    LateWrite = 0.1,
    /// The call takes almost as long as the caller's timeout.
    SlowCall = 0.1,
    /// Some entries of a batch are refused.
    PartlyRefused = 0.2,
    /// The tables or the KMS key fail for half an hour.
    Outage = 0.0,
    // ---- the queue ----
    /// Delivered to two workers at once.
    Duplicate = 0.1,
    /// Delivered again after its deletion.
    Resurrected = 0.1,
    /// The receive count is too low or missing.
    WrongCount = 0.1,
    NothingReceived = 0.2,
    /// The limit of messages in flight is reached.
    Capped = 0.0,
    // ---- the function ----
    ThrottledInvoke = 0.3,
    /// The worker dies before it sends a call or a request.
    KilledBefore = 0.02,
    /// The worker dies after its call or request has been applied.
    KilledAfter = 0.02,
    /// The worker dies at any time.
    KilledAtRandom = 0.1,
    /// Lambda kills the worker at its deadline.
    KilledAtDeadline = 0.0,
    /// The sandbox is frozen for a while.
    Frozen = 0.1,
    /// The worker starts some time after its invocation began.
    LateStart = 0.3,
    /// The sandbox's clock is wrong by up to five minutes.
    WrongClock = 0.7,
    /// A panic before the request is sent.
    Panic = 0.02,
    /// A panic after the request is sent.
    PanicAfterRequest = 0.02,
    // ---- the destination ----
    HttpError = 0.0,
    Hang = 0.0,
    SlowAnswer = 0.0,
    Reset = 0.0,
    NoConnection = 0.0,
    /// The request travels for most of a second.
    SlowRequest = 0.1,
    // ---- tenants ----
    /// The owner disables a destination.
    Disabled = 0.0,
    Enabled = 0.0,
    Deleted = 0.0,
    Moved = 0.0,
    /// A body that is not a message.
    Poison = 0.0,
}

/// The operations in which faults happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    Receive,
    Invoke,
    Delete,
    Postpone,
    SendEvent,
    SendDeliveries,
    Destinations,
    Health,
    Contexts,
    Records,
    Claim,
    Complete,
    Close,
    Count,
    Decrypt,
    Conversation,
    Event,
    Log,
    Recovery,
    Request,
}

/// The points at which Dispatch calls tables.
pub(crate) const TABLES: &[Point] = &[
    Point::Conversation,
    Point::Event,
    Point::Destinations,
    Point::Health,
    Point::Contexts,
    Point::Records,
    Point::Claim,
    Point::Complete,
    Point::Close,
    Point::Count,
    Point::Log,
    Point::Recovery,
];

/// The point at which it calls KMS.
pub(crate) const KEY: &[Point] = &[Point::Decrypt];

/// How long an outage lasts.
pub(crate) const OUTAGE: Duration = Duration::from_secs(30 * 60);

struct State {
    rates: Vec<f64>,
    until: Timestamp,
    /// The points that fail until a time.
    outage: Option<(&'static [Point], Timestamp)>,
    /// Faults that a scenario forces, each after a number of operations without it.
    forced: Vec<(Point, Fault, usize)>,
    happened: Vec<u64>,
    story: Vec<String>,
}

/// The faults of one world.
#[derive(Clone)]
pub(crate) struct Faults {
    state: Arc<Mutex<State>>,
    randomness: SeededRandomness,
    time: Time,
}

impl Faults {
    /// Creates faults that happen only when forced.
    pub(crate) fn none(randomness: &SeededRandomness, time: &Time) -> Self {
        let happened = vec![0; Fault::ALL.len()];
        let state = State {
            rates: vec![0.0; Fault::ALL.len()],
            until: time.now(),
            outage: None,
            forced: Vec::new(),
            happened,
            story: Vec::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), randomness: randomness.clone(), time: time.clone() }
    }

    /// Creates random faults for a limited time: none, some or every kind, rare or frequent.
    pub(crate) fn random(randomness: &SeededRandomness, time: &Time) -> Self {
        let faults = Self::none(randomness, time);
        let strength = *randomness.pick(&[0.0, 0.05, 0.2, 0.5, 1.0]);
        let share = *randomness.pick(&[0.2, 0.5, 1.0]);
        {
            let mut state = faults.state();
            state.until = time.now() + randomness.millis(10_000, 600_000);
            state.rates = Fault::WORST
                .iter()
                .map(|worst| if randomness.chance(share) { worst * strength } else { 0.0 })
                .collect();
        }
        faults
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Returns when random faults stop.
    pub(crate) fn until(&self) -> Timestamp {
        self.state().until
    }

    /// Makes the random faults happen for another while, from now on.
    pub(crate) fn go_on(&self, span: Duration) {
        self.state().until = self.time.now() + span;
    }

    /// Forces a fault once, after `passed` operations without it.
    pub(crate) fn force_after(&self, passed: usize, at: Point, fault: Fault) {
        self.state().forced.push((at, fault, passed));
    }

    /// Makes every call at these points fail, from now on and for half an hour.
    pub(crate) fn start_outage(&self, of: &'static [Point]) {
        self.note(Fault::Outage, || format!("{of:?}"));
        self.state().outage = Some((of, self.time.now() + OUTAGE));
    }

    pub(crate) fn is_out(&self, at: Point) -> bool {
        self.state().outage.is_some_and(|(of, until)| self.time.now() < until && of.contains(&at))
    }

    /// Decides whether a fault happens now.
    pub(crate) fn happens(&self, at: Point, fault: Fault) -> bool {
        let mut state = self.state();
        let forced = state.forced.iter().position(|(point, what, _)| (*point, *what) == (at, fault));
        let happens = match forced.map(|index| (index, &mut state.forced[index].2)) {
            Some((index, 0)) => {
                state.forced.remove(index);
                true
            }
            Some((_, passed)) => {
                *passed -= 1;
                false
            }
            None => self.time.now() < state.until && self.randomness.chance(state.rates[fault as usize]),
        };
        drop(state);
        if happens {
            self.note(fault, || format!("{at:?}"));
        }
        happens
    }

    /// Notes a fault that was decided elsewhere.
    pub(crate) fn note(&self, fault: Fault, what: impl FnOnce() -> String) {
        let now = self.time.now();
        let mut state = self.state();
        state.happened[fault as usize] += 1;
        state.story.push(format!("{now} {fault:?} {}", what()));
    }

    pub(crate) fn happened(&self) -> Vec<u64> {
        self.state().happened.clone()
    }

    pub(crate) fn has_happened(&self, fault: Fault) -> bool {
        self.state().happened[fault as usize] > 0
    }

    /// Returns the forced faults that have not happened.
    pub(crate) fn outstanding(&self) -> Vec<(Point, Fault, usize)> {
        self.state().forced.clone()
    }

    /// Returns a line for each fault that happened.
    pub(crate) fn story(&self) -> Vec<String> {
        self.state().story.clone()
    }
}
