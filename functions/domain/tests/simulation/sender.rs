//! Sends a request to a simulated destination, under faults.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use checker::history::Request;
use domain::delivery::deliver::ATTEMPT_LIMIT;
use domain::delivery::outcome::{CONNECT_LIMIT, Outcome, OutcomeClass};
use domain::delivery::request::{WebhookRequest, WebhookSender};
use domain::shared::clock::Clock;
use domain::shared::ids::{DeliveryId, DestinationId, EventId};

use crate::faults::{Fault, Point};
use crate::ports::Ports;
use crate::sink::Answer;

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
        let answer = world.sink.answer(&destination, world.time.now(), &world.randomness);
        self.note(answer);
        let started = world.time.now();
        let failed = |class| Outcome::failed(class, "", world.time.now().since(started));
        if let Answer::Unreachable | Answer::Dropped = answer {
            let wait = if let Answer::Dropped = answer { CONNECT_LIMIT } else { Duration::from_millis(5) };
            world.time.sleep(wait).await;
            return failed(OutcomeClass::Connect);
        }
        let travel = world.randomness.millis(1, if happens(Fault::SlowRequest) { 800 } else { 30 });
        let (answered, wait) = match answer {
            Answer::Status(status, after) => (Some(status), Duration::from_millis(after)),
            Answer::Never => (None, ATTEMPT_LIMIT),
            Answer::Reset | Answer::Unreachable | Answer::Dropped => (None, Duration::ZERO),
        };
        // From here on the request is in transit, even if its sender dies.
        let (sink, time) = (world.sink.clone(), world.time.clone());
        world.time.after(travel, move || {
            let at = time.now();
            let request = Request { at, ended_at: at + wait, answered, ..seen };
            sink.record(request);
        });
        if happens(Fault::KilledAfter) {
            world.time.sleep(world.randomness.millis(0, 2 * travel.as_millis() as u64)).await;
            return network.die().await;
        }
        if happens(Fault::PanicAfterRequest) {
            panic_quietly();
        }
        let whole = travel + wait + travel;
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

/// Parses a request: the destination is in its URL, the rest in its headers.
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

impl Ports {
    fn note(&self, answer: Answer) {
        let fault = match answer {
            Answer::Status(200, after) if after < 5000 => return,
            Answer::Status(200, _) => Fault::SlowAnswer,
            Answer::Status(..) => Fault::HttpError,
            Answer::Never => Fault::Hang,
            Answer::Reset => Fault::Reset,
            Answer::Unreachable | Answer::Dropped => Fault::NoConnection,
        };
        self.world.faults.note(fault, || format!("{answer:?}"));
    }
}

/// Panics without printing a message to the test's output.
fn panic_quietly() {
    std::panic::resume_unwind(Box::new("simulated panic"));
}
