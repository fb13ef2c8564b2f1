//! Sends a request to a simulated destination, under faults.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use checker::history::Request;
use domain::delivery::deliver::ATTEMPT_LIMIT;
use domain::delivery::outcome::{CONNECT_LIMIT, Outcome, OutcomeClass, ResponseExcerpt};
use domain::delivery::request::{WebhookRequest, WebhookSender};
use domain::shared::clock::Clock;
use domain::shared::ids::{DeliveryId, DestinationId, EventId, digest, hex};

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
        let (destination, seen) = self.read(&request);
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
            Answer::Busy(status, _) => (Some(status), Duration::ZERO),
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
            Some(status) => Outcome {
                http_status: Some(status),
                response: Some(ResponseExcerpt { headers: headers(answer), ..Default::default() }),
                ..failed(OutcomeClass::HttpError)
            },
        }
    }
}

fn headers(answer: Answer) -> Vec<(String, String)> {
    match answer {
        Answer::Busy(_, seconds) => vec![("retry-after".to_owned(), seconds.to_string())],
        _ => Vec::new(),
    }
}

impl Ports {
    /// Parses a request: the destination is in its URL, the rest in its headers.
    fn read(&self, request: &WebhookRequest) -> (DestinationId, Request) {
        let header = |name: &str| &request.headers.iter().find(|(set, _)| set == name).unwrap().1;
        let query = request.url.query_pairs().find(|(name, _)| name == "destination").unwrap().1;
        let destination = DestinationId::parse(query).unwrap();
        let event = EventId::parse(header("webhook-id")).unwrap();
        let mut hash = DefaultHasher::new();
        request.body.hash(&mut hash);
        let seen = Request {
            at: Default::default(),
            ended_at: Default::default(),
            delivery: self.delivery(&event, &destination, header("content-type")),
            attempt: header("webhook-attempt").parse().unwrap(),
            digest: hash.finish(),
            answered: None,
        };
        (destination, seen)
    }

    /// The deliveries of an event to a destination differ in the form's boundary, which derives from their ids.
    fn delivery(&self, event: &EventId, to: &DestinationId, content_type: &str) -> DeliveryId {
        let is_it = |id: &DeliveryId| {
            let digest = digest(&["boundary", event.as_str(), id.as_str(), "0"]);
            content_type.ends_with(&hex(&digest[..16]))
        };
        let state = self.world.log.state();
        let from_event_on = state.deliveries.range(DeliveryId::before_all_of(event)..);
        let of_event = from_event_on.take_while(|(id, _)| id.event_id().as_ref() == Some(event));
        let mut to_it = of_event.filter(|(_, delivery)| delivery.destination_id == *to);
        to_it.find(|(id, _)| is_it(id)).unwrap().0.clone()
    }

    fn note(&self, answer: Answer) {
        let fault = match answer {
            Answer::Status(200, after) if after < 5000 => return,
            Answer::Status(200, _) => Fault::SlowAnswer,
            Answer::Status(..) | Answer::Busy(..) => Fault::HttpError,
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
