//! A proxy before the tables or the queues that fails as a test tells it to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use domain::testing::fakes::SeededRandomness;
use hyper::StatusCode;
use serde_json::json;
use tokio::sync::watch;

use super::entries;
use super::stop::{Gate, Stop};
use crate::between::{Between, Call, Onward, Reply, Server};

/// A running proxy.
pub(super) struct Proxy {
    server: Server,
    script: Arc<Script>,
}

/// What becomes of a call.
#[derive(Clone)]
enum Fault {
    /// It is applied, and nobody is told.
    DropAnswer,
    /// It is not applied, and this is the answer.
    Answer(StatusCode, String),
    /// It is not applied: the transaction is cancelled for these reasons.
    Cancel(Vec<String>),
    /// It is throttled, in the form that the service has for this operation.
    Throttle,
    /// It is not applied, and there is no answer for as long as the caller waits.
    Hang,
    /// All of a batch is applied but these entries, which the answer names as failed.
    FailEntries(Vec<usize>),
    /// It waits, and goes on if it is let.
    StopBefore(Arc<Gate>),
    /// It is applied, and its answer waits.
    StopAfter(Arc<Gate>),
}

struct Rule {
    operation: String,
    /// Calls to come that pass unharmed.
    spares: usize,
    /// Calls after those that do not.
    left: usize,
    fault: Fault,
}

#[derive(Default)]
struct Script {
    rules: Mutex<Vec<Rule>>,
    /// How often a call is throttled, and the dice that say which.
    throttles: Mutex<(f64, SeededRandomness)>,
    /// Calls by operation: those that came, and those that the endpoint has answered.
    counts: watch::Sender<HashMap<String, [usize; 2]>>,
}

/// Says which calls something is to happen to: all, if nothing else is said.
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
            Rule { operation: operation.to_owned(), spares: 0, left: usize::MAX, fault: Fault::DropAnswer };
        On { script: &self.script, rule }
    }

    /// Throttles calls so often, told by dice that always fall the same.
    pub(super) fn throttle(&self, probability: f64, seed: u64) {
        *self.script.throttles.lock().unwrap() = (probability, SeededRandomness::new(seed));
    }

    /// Nothing more fails, but for what dice say.
    pub(super) fn heal(&self) {
        self.script.rules.lock().unwrap().clear();
    }

    /// Calls of an operation so far, repeated ones included.
    pub(super) fn calls(&self, operation: &str) -> usize {
        self.script.counts.borrow().get(operation).map_or(0, |[came, _]| *came)
    }

    /// Returns once the endpoint has answered so many calls of an operation.
    pub(super) async fn answered(&self, operation: &str, times: usize) {
        let mut counts = self.script.counts.subscribe();
        let enough = |counts: &HashMap<String, [usize; 2]>| {
            counts.get(operation).is_some_and(|[_, answered]| *answered >= times)
        };
        counts.wait_for(enough).await.unwrap();
    }

    /// Closes all connections, as endpoints do with those that nobody uses.
    pub(super) fn close_connections(&self) {
        self.server.close_connections();
    }
}

impl On<'_> {
    /// To the n-th call from now on, and to no other.
    pub(super) fn nth(mut self, n: usize) -> Self {
        (self.rule.spares, self.rule.left) = (n - 1, 1);
        self
    }

    /// To the first calls from now on.
    pub(super) fn first(mut self, calls: usize) -> Self {
        self.rule.left = calls;
        self
    }

    pub(super) fn drop_answer(self) {
        self.becomes(Fault::DropAnswer);
    }

    /// An error of the service.
    pub(super) fn refuse(self, status: u16, code: &str) {
        let body = json!({"__type": code, "message": "told to"}).to_string();
        self.becomes(Fault::Answer(StatusCode::from_u16(status).unwrap(), body));
    }

    /// An error of the caller, with the service's own text.
    pub(super) fn refuse_because(self, code: &str, message: &str) {
        let body = json!({"__type": code, "message": message}).to_string();
        self.becomes(Fault::Answer(StatusCode::BAD_REQUEST, body));
    }

    /// A transaction that is cancelled, with a reason for each of its writes.
    pub(super) fn cancel(self, reasons: &[&str]) {
        self.becomes(Fault::Cancel(reasons.iter().map(|&reason| reason.to_owned()).collect()));
    }

    pub(super) fn fail(self, status: u16) {
        self.refuse(status, "InternalServerError");
    }

    pub(super) fn answer(self, body: &str) {
        self.becomes(Fault::Answer(StatusCode::OK, body.to_owned()));
    }

    pub(super) fn hang(self) {
        self.becomes(Fault::Hang);
    }

    /// Entries of a batch, by their place in it.
    pub(super) fn fail_entries(self, places: &[usize]) {
        self.becomes(Fault::FailEntries(places.to_vec()));
    }

    /// Holds one call before the endpoint sees it.
    pub(super) fn stop_before(self) -> Stop {
        let (stop, gate) = Stop::new();
        self.one().becomes(Fault::StopBefore(gate));
        stop
    }

    /// Holds the answer to one call.
    pub(super) fn stop_after(self) -> Stop {
        let (stop, gate) = Stop::new();
        self.one().becomes(Fault::StopAfter(gate));
        stop
    }

    fn one(mut self) -> Self {
        self.rule.left = 1;
        self
    }

    fn becomes(mut self, fault: Fault) {
        self.rule.fault = fault;
        self.script.rules.lock().unwrap().push(self.rule);
    }
}

impl Script {
    fn fault(&self, operation: &str) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap();
        let fault = rules.iter_mut().filter(|rule| rule.operation == operation).find_map(Rule::falls_on_this);
        fault.or_else(|| self.dice_say_throttle().then_some(Fault::Throttle))
    }

    fn dice_say_throttle(&self) -> bool {
        let throttles = self.throttles.lock().unwrap();
        let (probability, randomness) = &*throttles;
        randomness.chance(*probability)
    }

    fn count(&self, operation: &str, which: usize) {
        self.counts.send_modify(|counts| counts.entry(operation.to_owned()).or_default()[which] += 1);
    }

    async fn onward(&self, call: Call, onward: &Onward) -> Option<Reply> {
        let operation = call.operation.clone();
        let reply = onward.send(call).await;
        self.count(&operation, 1);
        reply
    }
}

impl Rule {
    fn falls_on_this(&mut self) -> Option<Fault> {
        if self.spares > 0 {
            self.spares -= 1;
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        Some(self.fault.clone())
    }
}

impl Between for Script {
    async fn pass(&self, call: Call, onward: &Onward) -> Option<Reply> {
        self.count(&call.operation, 0);
        match self.fault(&call.operation) {
            None => self.onward(call, onward).await,
            Some(Fault::DropAnswer) => {
                self.onward(call, onward).await;
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
                    Some(call) => Some(self.onward(call, onward).await?),
                    None => None,
                };
                Some(entries::put_in(reply, refused))
            }
            Some(Fault::StopBefore(gate)) => {
                gate.pass().await?;
                self.onward(call, onward).await
            }
            Some(Fault::StopAfter(gate)) => {
                let reply = self.onward(call, onward).await;
                gate.pass().await?;
                reply
            }
        }
    }
}
