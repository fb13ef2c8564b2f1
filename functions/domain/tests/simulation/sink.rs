//! The destinations: the answers they give and the requests they receive.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use checker::history::Request;
use domain::shared::ids::DestinationId;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::SeededRandomness;

/// A destination's reaction to a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// Answers with a status after a number of milliseconds.
    Status(u16, u64),
    /// Answers with a status and a `Retry-After` of a number of seconds.
    Busy(u16, u64),
    Never,
    /// Reads the request and closes the connection.
    Reset,
    /// Refuses every connection.
    Unreachable,
    /// Drops every packet, so that no connection is established within the limit.
    Dropped,
}

/// How often a destination fails instead of answering 200: error, hang, late answer, closed connection, no connection,
/// busy.
type FailureRates = [f64; 6];

/// Healthy, flaky, broken, hanging, unreachable, busy, and a mix.
const FAILURE_RATES: [FailureRates; 7] = [
    [0.0; 6],
    [0.4, 0.0, 0.0, 0.05, 0.05, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.8, 0.2, 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0, 0.0, 0.9, 0.0],
    [0.1, 0.0, 0.0, 0.0, 0.0, 0.8],
    [0.2, 0.1, 0.1, 0.1, 0.1, 0.1],
];

/// Values of `Retry-After`: below and above what is waited for anyway.
const RETRY_AFTER: [u64; 6] = [0, 5, 90, 1_000, 3_600, 1_000_000];

struct Destination {
    failure_rates: FailureRates,
    /// Its first answers.
    script: VecDeque<Answer>,
}

#[derive(Default)]
struct State {
    destinations: BTreeMap<DestinationId, Destination>,
    requests: Vec<Request>,
    /// Until then every destination answers 500.
    outage_ends: Timestamp,
}

/// Every destination.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<State>>);

impl Sink {
    pub(crate) fn add(&self, id: &DestinationId, script: &[Answer], randomness: Option<&SeededRandomness>) {
        let failure_rates =
            randomness.map_or(FAILURE_RATES[0], |randomness| *randomness.pick(&FAILURE_RATES));
        let script = script.iter().copied().collect();
        self.0.lock().unwrap().destinations.insert(id.clone(), Destination { failure_rates, script });
    }

    pub(crate) fn fail_until(&self, outage_ends: Timestamp) {
        self.0.lock().unwrap().outage_ends = outage_ends;
    }

    /// From now on every destination answers 200.
    pub(crate) fn heal(&self) {
        for destination in self.0.lock().unwrap().destinations.values_mut() {
            *destination = Destination { failure_rates: FAILURE_RATES[0], script: VecDeque::new() };
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.0.lock().unwrap().requests.clone()
    }

    pub(crate) fn record(&self, request: Request) {
        self.0.lock().unwrap().requests.push(request);
    }

    pub(crate) fn answer(&self, of: &DestinationId, now: Timestamp, randomness: &SeededRandomness) -> Answer {
        let mut state = self.0.lock().unwrap();
        if now < state.outage_ends {
            return Answer::Status(500, 50);
        }
        let destination = state.destinations.get_mut(of).unwrap();
        if let Some(answer) = destination.script.pop_front() {
            return answer;
        }
        let mut roll = randomness.fraction();
        let failure = destination.failure_rates.iter().position(|rate| {
            roll -= rate;
            roll < 0.0
        });
        match failure {
            Some(0) => Answer::Status(500, randomness.below(300) as u64),
            Some(1) => Answer::Never,
            Some(2) => Answer::Status(200, 5000 + randomness.below(10_000) as u64),
            Some(3) => Answer::Reset,
            Some(4) => Answer::Unreachable,
            Some(5) => Answer::Busy(*randomness.pick(&[429, 503]), *randomness.pick(&RETRY_AFTER)),
            _ => Answer::Status(200, randomness.below(300) as u64),
        }
    }
}
