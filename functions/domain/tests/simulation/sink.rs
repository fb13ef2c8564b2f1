//! The destinations: what they answer, and what they saw.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use checker::history::Request;
use domain::delivery::deliver::ATTEMPT_LIMIT;
use domain::delivery::outcome::{Outcome, OutcomeClass};
use domain::delivery::request::WebhookRequest;
use domain::delivery::request::WebhookSender;
use domain::shared::clock::Clock;
use domain::shared::ids::{DeliveryId, DestinationId, EventId};
use domain::testing::fakes::SeededRandomness;

use crate::faults::{Fault, Point};
use crate::ports::Ports;

/// What a destination does with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// Answers after so many milliseconds.
    Status(u16, u64),
    Never,
    /// Reads it and closes the connection.
    Reset,
    /// Cannot be reached.
    Absent,
}

/// How often a destination does anything but answer 200: error, hang, answer late, close, be absent.
type Temper = [f64; 5];

/// Well, flaky, broken, hanging, absent, and all of it.
const TEMPERS: [Temper; 6] = [
    [0.0; 5],
    [0.4, 0.0, 0.0, 0.05, 0.05],
    [1.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.8, 0.2, 0.0, 0.0],
    [0.0, 0.0, 0.0, 0.0, 0.9],
    [0.2, 0.1, 0.1, 0.1, 0.1],
];

struct Destination {
    temper: Temper,
    /// What it does first.
    script: VecDeque<Answer>,
}

#[derive(Default)]
struct State {
    destinations: BTreeMap<DestinationId, Destination>,
    requests: Vec<Request>,
}

/// All destinations.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<State>>);

impl Sink {
    pub(crate) fn open(&self, id: &DestinationId, script: &[Answer], randomness: Option<&SeededRandomness>) {
        let temper = randomness.map_or(TEMPERS[0], |randomness| *randomness.pick(&TEMPERS));
        let script = script.iter().copied().collect();
        self.0.lock().unwrap().destinations.insert(id.clone(), Destination { temper, script });
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.0.lock().unwrap().requests.clone()
    }

    fn answer(&self, of: &DestinationId, randomness: &SeededRandomness) -> Answer {
        let mut state = self.0.lock().unwrap();
        let destination = state.destinations.get_mut(of).unwrap();
        if let Some(answer) = destination.script.pop_front() {
            return answer;
        }
        let mut roll = randomness.part();
        let bad = destination.temper.iter().position(|part| {
            roll -= part;
            roll < 0.0
        });
        match bad {
            Some(0) => Answer::Status(500, randomness.below(300) as u64),
            Some(1) => Answer::Never,
            Some(2) => Answer::Status(200, 5000 + randomness.below(10_000) as u64),
            Some(3) => Answer::Reset,
            Some(4) => Answer::Absent,
            _ => Answer::Status(200, randomness.below(300) as u64),
        }
    }
}

impl WebhookSender for Ports {
    async fn send(&self, request: WebhookRequest) -> Outcome {
        let (world, network) = (&self.world, &self.network);
        let happens = |fault| world.faults.happens(Point::Request, fault);
        if happens(Fault::KilledBefore) {
            return network.die().await;
        }
        if happens(Fault::Panic) {
            panic_quietly();
        }
        let (destination, seen) = read(&request);
        let answer = world.sink.answer(&destination, &world.randomness);
        note(self, answer);
        let started = world.time.now();
        let failed = |class| Outcome::failed(class, "", world.time.now().since(started));
        if let Answer::Absent = answer {
            world.time.sleep(Duration::from_millis(5)).await;
            return failed(OutcomeClass::Connect);
        }
        let way = world.randomness.millis(1, if happens(Fault::SlowRequest) { 800 } else { 30 });
        let (answered, wait) = match answer {
            Answer::Status(status, after) => (Some(status), Duration::from_millis(after)),
            Answer::Never => (None, ATTEMPT_LIMIT),
            Answer::Reset | Answer::Absent => (None, Duration::ZERO),
        };
        // From here on the request is on its way, whatever becomes of its sender.
        let (sink, time) = (world.sink.clone(), world.time.clone());
        world.time.after(way, move || {
            let at = time.now();
            let request = Request { at, ended_at: at + wait, answered, ..seen };
            sink.0.lock().unwrap().requests.push(request);
        });
        if happens(Fault::KilledAfter) {
            world.time.sleep(world.randomness.millis(0, 2 * way.as_millis() as u64)).await;
            return network.die().await;
        }
        if happens(Fault::PanicAfterRequest) {
            panic_quietly();
        }
        let whole = way + wait + way;
        world.time.sleep(whole.min(ATTEMPT_LIMIT)).await;
        match answered {
            _ if whole > ATTEMPT_LIMIT => failed(OutcomeClass::Timeout),
            None => failed(OutcomeClass::NoResponse),
            Some(status) if (200..300).contains(&status) => {
                Outcome { http_status: Some(status), error: None, ..failed(OutcomeClass::Success) }
            }
            Some(status) => Outcome { http_status: Some(status), ..failed(OutcomeClass::HttpError) },
        }
    }
}

/// What the request says of itself: the destination is in its URL, the rest in its headers.
fn read(request: &WebhookRequest) -> (DestinationId, Request) {
    let header = |name: &str| &request.headers.iter().find(|(set, _)| set == name).unwrap().1;
    let query = request.url.query_pairs().find(|(name, _)| name == "destination").unwrap().1;
    let destination = DestinationId::parse(query).unwrap();
    let event = EventId::parse(header("webhook-id")).unwrap();
    let mut hash = DefaultHasher::new();
    request.body.hash(&mut hash);
    let seen = Request {
        at: Default::default(),
        ended_at: Default::default(),
        delivery: DeliveryId::of(&event, &destination),
        attempt: header("webhook-attempt").parse().unwrap(),
        digest: hash.finish(),
        answered: None,
    };
    (destination, seen)
}

fn note(ports: &Ports, answer: Answer) {
    let fault = match answer {
        Answer::Status(200, after) if after < 5000 => return,
        Answer::Status(200, _) => Fault::SlowAnswer,
        Answer::Status(..) => Fault::HttpError,
        Answer::Never => Fault::Hang,
        Answer::Reset => Fault::Reset,
        Answer::Absent => Fault::NoConnection,
    };
    ports.world.faults.note(fault, || format!("{answer:?}"));
}

/// A panic without its message on the test's output.
fn panic_quietly() {
    std::panic::resume_unwind(Box::new("told to panic"));
}
