//! What can go wrong, how often it does in this world, and how often it did.

use std::sync::{Arc, Mutex, MutexGuard};

use domain::shared::clock::Clock;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::SeededRandomness;

use crate::executor::Time;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $worst:literal),+ $(,)?) => {
        /// What can go wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Fault { $($(#[$doc])* $name),+ }

        impl Fault {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// How often it happens in the worst of storms.
            const WORST: &[f64] = &[$($worst),+];
        }
    };
}

faults! {
    // ---- calls to tables and queues ----
    /// Throttled, or a 500.
    Refused = 0.3,
    /// It never arrives, and the caller waits in vain.
    LostRequest = 0.1,
    /// It is done, and the caller waits in vain.
    LostAnswer = 0.15,
    /// It is done long after the caller has given it up.
    LateWrite = 0.1,
    /// It takes almost as long as the caller waits.
    SlowCall = 0.1,
    /// Some entries of a batch are refused.
    PartlyRefused = 0.2,
    // ---- the queue ----
    /// Handed out to two.
    Duplicate = 0.1,
    /// Handed out again though it was deleted.
    Resurrected = 0.1,
    /// The count of receives is too low, or not there.
    WrongCount = 0.1,
    NothingReceived = 0.2,
    /// As many messages are in flight as can be.
    Capped = 0.0,
    // ---- the function ----
    ThrottledInvoke = 0.3,
    /// The worker dies before a call or a request leaves it.
    KilledBefore = 0.02,
    /// It dies when what it asked for is done.
    KilledAfter = 0.02,
    /// It dies at any time.
    KilledAtRandom = 0.1,
    /// Lambda kills it at its deadline.
    KilledAtDeadline = 0.0,
    /// The sandbox stands still for a while.
    Frozen = 0.1,
    /// The worker sees an invocation some time after it began.
    LateStart = 0.3,
    /// The sandbox's clock is wrong by up to five minutes.
    WrongClock = 0.7,
    /// A panic before the request leaves.
    Panic = 0.02,
    /// A panic after it has left.
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
    /// Its owner switches a destination off.
    Disabled = 0.0,
    Enabled = 0.0,
    Deleted = 0.0,
    Moved = 0.0,
    /// A body that is not ours.
    Poison = 0.0,
}

/// Where something can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    Receive,
    Invoke,
    Delete,
    Postpone,
    SendEvent,
    SendDeliveries,
    Destinations,
    Contexts,
    Records,
    Claim,
    Complete,
    Close,
    Count,
    Conversation,
    Outbox,
    Request,
}

struct State {
    rates: Vec<f64>,
    until: Timestamp,
    /// What a scenario asks for, and how many times it is passed over first.
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
    /// None but those that are forced.
    pub(crate) fn none(randomness: &SeededRandomness, time: &Time) -> Self {
        let nothing = vec![0; Fault::ALL.len()];
        let state = State {
            rates: vec![0.0; Fault::ALL.len()],
            until: time.now(),
            forced: Vec::new(),
            happened: nothing,
            story: Vec::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), randomness: randomness.clone(), time: time.clone() }
    }

    /// Some of them, or all, for a while: a calm world or a stormy one.
    pub(crate) fn weather(randomness: &SeededRandomness, time: &Time) -> Self {
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

    /// When the storm is over.
    pub(crate) fn until(&self) -> Timestamp {
        self.state().until
    }

    /// Makes it happen there once, after this many times that it does not.
    pub(crate) fn force_after(&self, passed: usize, at: Point, fault: Fault) {
        self.state().forced.push((at, fault, passed));
    }

    /// Whether it happens now.
    pub(crate) fn happens(&self, at: Point, fault: Fault) -> bool {
        let mut state = self.state();
        let asked = state.forced.iter().position(|(point, what, _)| (*point, *what) == (at, fault));
        let happens = match asked.map(|index| (index, &mut state.forced[index].2)) {
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

    /// It happened, by another's decision.
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

    /// What a scenario asked for and did not get.
    pub(crate) fn outstanding(&self) -> Vec<(Point, Fault, usize)> {
        self.state().forced.clone()
    }

    /// A line for each fault that happened.
    pub(crate) fn story(&self) -> Vec<String> {
        self.state().story.clone()
    }
}
