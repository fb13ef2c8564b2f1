//! A proxy for the tables, the queues or KMS that fails calls as a test scripts it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use domain::testing::fakes::SeededRandomness;
use hyper::StatusCode;
use local::clock::Clock;
use serde_json::json;
use tokio::sync::watch;

use super::capacity::Capacity;
use super::entries;
use super::stop::{Gate, Stop};
use crate::between::{Call, Interceptor, Reply, Server, Upstream};

/// Counts the calls that were throttled because an item took no more writes.
pub(super) const OVER_CAPACITY: &str = "over an item's capacity";

/// Selects calls of every operation.
pub(super) const ANY: &str = "*";

/// A running proxy.
pub(super) struct Proxy {
    server: Server,
    script: Arc<Script>,
}

/// What the proxy does to a call.
#[derive(Clone)]
enum Fault {
    /// The call is applied, and its answer is lost.
    DropAnswer,
    /// The call is not applied, and this is its answer.
    Answer(StatusCode, String),
    /// The call is not applied: the transaction is cancelled for these reasons.
    Cancel(Vec<String>),
    /// The call is throttled, in the form of its operation.
    Throttle,
    /// The call is not applied, and there is no answer for as long as the caller waits.
    Hang,
    /// The batch is applied except for these entries, which the answer names as failed.
    FailEntries(Vec<usize>),
    /// The call is held, and passes if it is released.
    StopBefore(Arc<Gate>),
    /// The call is applied, and its answer is held.
    StopAfter(Arc<Gate>),
}

struct Rule {
    operation: String,
    /// How many calls pass first.
    skip: usize,
    /// How many calls then meet the fault.
    left: usize,
    fault: Fault,
}

#[derive(Default)]
struct Script {
    rules: Mutex<Vec<Rule>>,
    /// The probability that a call is throttled, and the randomness that decides.
    throttles: Mutex<(f64, SeededRandomness)>,
    /// What an item takes, if it has a limit.
    capacity: Mutex<Option<Capacity>>,
    /// Calls by operation: how many came, and how many the endpoint has answered, each statement of a batch counted.
    counts: watch::Sender<HashMap<String, [usize; 2]>>,
}

/// Selects the calls that meet a fault: all, unless narrowed.
pub(super) struct On<'a> {
    script: &'a Script,
    rule: Rule,
}

impl Proxy {
    pub(super) async fn start(target: String) -> Self {
        let script = Arc::new(Script::default());
        Self { server: Server::start(target, Arc::clone(&script)).await, script }
    }

    pub(super) fn url(&self) -> &str {
        &self.server.url
    }

    pub(super) fn on(&self, operation: &str) -> On<'_> {
        let rule =
            Rule { operation: operation.to_owned(), skip: 0, left: usize::MAX, fault: Fault::DropAnswer };
        On { script: &self.script, rule }
    }

    /// Throttles calls at random with this probability, the same ones every time.
    pub(super) fn throttle(&self, probability: f64, seed: u64) {
        *self.script.throttles.lock().unwrap() = (probability, SeededRandomness::new(seed));
    }

    /// Throttles what writes to one item more often than this.
    pub(super) fn limit_items(&self, writes_per_second: u32, clock: &Clock) {
        *self.script.capacity.lock().unwrap() = Some(Capacity::new(writes_per_second, clock.clone()));
    }

    /// Whether every selected call has met its fault.
    pub(super) fn is_used_up(&self) -> bool {
        self.script.rules.lock().unwrap().iter().all(|rule| rule.left == 0)
    }

    /// Ends every scripted fault; throttling at random goes on.
    pub(super) fn heal(&self) {
        self.script.rules.lock().unwrap().clear();
    }

    /// The number of calls of an operation so far, repeated ones included.
    pub(super) fn calls(&self, operation: &str) -> usize {
        self.script.counts.borrow().get(operation).map_or(0, |[came, _]| *came)
    }

    /// Waits until the endpoint has answered this number of calls of an operation, or of its statements.
    pub(super) async fn answered(&self, operation: &str, times: usize) {
        let mut counts = self.script.counts.subscribe();
        let enough = |counts: &HashMap<String, [usize; 2]>| {
            counts.get(operation).is_some_and(|[_, answered]| *answered >= times)
        };
        counts.wait_for(enough).await.unwrap();
    }

    /// Closes all connections, as endpoints do with idle ones.
    pub(super) fn close_connections(&self) {
        self.server.close_connections();
    }
}

impl On<'_> {
    /// Selects only the n-th call from now on.
    pub(super) fn nth(mut self, n: usize) -> Self {
        (self.rule.skip, self.rule.left) = (n - 1, 1);
        self
    }

    /// Selects this number of calls from there on.
    pub(super) fn times(mut self, calls: usize) -> Self {
        self.rule.left = calls;
        self
    }

    /// Selects the next calls.
    pub(super) fn first(self, calls: usize) -> Self {
        self.times(calls)
    }

    pub(super) fn drop_answer(self) {
        self.inject(Fault::DropAnswer);
    }

    /// Answers with an error of the service.
    pub(super) fn refuse(self, status: u16, code: &str) {
        let body = json!({"__type": code, "message": "injected"}).to_string();
        self.inject(Fault::Answer(StatusCode::from_u16(status).unwrap(), body));
    }

    /// Answers with an error of the caller, with the service's own text.
    pub(super) fn refuse_because(self, code: &str, message: &str) {
        let body = json!({"__type": code, "message": message}).to_string();
        self.inject(Fault::Answer(StatusCode::BAD_REQUEST, body));
    }

    /// Cancels a transaction, with a reason for each of its writes.
    pub(super) fn cancel(self, reasons: &[&str]) {
        self.inject(Fault::Cancel(reasons.iter().map(|&reason| reason.to_owned()).collect()));
    }

    pub(super) fn fail(self, status: u16) {
        self.refuse(status, "InternalServerError");
    }

    pub(super) fn answer(self, body: &str) {
        self.inject(Fault::Answer(StatusCode::OK, body.to_owned()));
    }

    pub(super) fn hang(self) {
        self.inject(Fault::Hang);
    }

    /// Fails entries of a batch, by their places in it.
    pub(super) fn fail_entries(self, places: &[usize]) {
        self.inject(Fault::FailEntries(places.to_vec()));
    }

    /// Holds one call before the endpoint sees it.
    pub(super) fn stop_before(self) -> Stop {
        let (stop, gate) = Stop::new();
        self.one().inject(Fault::StopBefore(gate));
        stop
    }

    /// Holds the answer to one call.
    pub(super) fn stop_after(self) -> Stop {
        let (stop, gate) = Stop::new();
        self.one().inject(Fault::StopAfter(gate));
        stop
    }

    fn one(mut self) -> Self {
        self.rule.left = 1;
        self
    }

    fn inject(mut self, fault: Fault) {
        self.rule.fault = fault;
        self.script.rules.lock().unwrap().push(self.rule);
    }
}

impl Script {
    fn fault(&self, operation: &str) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap();
        let mut rules = rules.iter_mut().filter(|rule| [ANY, operation].contains(&&*rule.operation));
        let fault = rules.find_map(Rule::next_fault);
        fault.or_else(|| self.throttles_at_random().then_some(Fault::Throttle))
    }

    fn is_over_capacity(&self, call: &Call) -> bool {
        let mut capacity = self.capacity.lock().unwrap();
        capacity.as_mut().is_some_and(|capacity| !capacity.takes(entries::written(call)))
    }

    fn throttles_at_random(&self) -> bool {
        let throttles = self.throttles.lock().unwrap();
        let (probability, randomness) = &*throttles;
        randomness.chance(*probability)
    }

    fn count(&self, operation: &str, which: usize, by: usize) {
        self.counts.send_modify(|counts| counts.entry(operation.to_owned()).or_default()[which] += by);
    }

    async fn forward(&self, call: Call, upstream: &Upstream) -> Option<Reply> {
        let (operation, statements) = (call.operation.clone(), entries::statements(&call));
        let reply = upstream.send(call).await;
        self.count(&operation, 1, statements.max(1));
        reply
    }
}

impl Rule {
    fn next_fault(&mut self) -> Option<Fault> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        Some(self.fault.clone())
    }
}

impl Interceptor for Script {
    async fn intercept(&self, call: Call, upstream: &Upstream) -> Option<Reply> {
        self.count(&call.operation, 0, 1);
        if self.is_over_capacity(&call) {
            self.count(OVER_CAPACITY, 0, 1);
            return Some(entries::throttled(&call));
        }
        match self.fault(&call.operation) {
            None => self.forward(call, upstream).await,
            Some(Fault::DropAnswer) => {
                self.forward(call, upstream).await;
                None
            }
            Some(Fault::Answer(status, body)) => {
                Some(Reply { status, headers: entries::json(), body: body.into() })
            }
            Some(Fault::Cancel(reasons)) => Some(entries::cancelled(&reasons)),
            Some(Fault::Throttle) => Some(entries::throttled(&call)),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::FailEntries(places)) => {
                let (call, refused) = entries::take_out(call, &places);
                let reply = match call {
                    Some(call) => Some(self.forward(call, upstream).await?),
                    None => None,
                };
                Some(entries::put_in(reply, refused))
            }
            Some(Fault::StopBefore(gate)) => {
                gate.pass().await?;
                self.forward(call, upstream).await
            }
            Some(Fault::StopAfter(gate)) => {
                let reply = self.forward(call, upstream).await;
                gate.pass().await?;
                reply
            }
        }
    }
}
