//! A site with the test's own receivers as destinations and the test's own sender.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use adapters::sender::HttpSender;
use checker::history::Request;
use dispatch::{Config, Dispatch};
use domain::delivery::history::{Attempted, Entry, Record};
use domain::delivery::state::DeliveryState;
use domain::destination::egress::EgressPolicy;
use domain::shared::clock::Clock as _;
use domain::shared::ids::{DeliveryId, DestinationId, EventId};
use domain::shared::timestamp::Timestamp;
use lambda_runtime::LambdaEvent;
use local::clock::ClockControl;
use local::lambda::in_process::InProcess;

use super::mappings::Mappings;
use super::site::{DEAD_LETTERS, DELIVERIES, EVENTS, Site};
use crate::sender::receiver::Receiver;

/// How far the clock moves at a time.
const TICK: Duration = Duration::from_secs(1);

/// Longer than four attempts take on an idle system.
const TICKS: usize = 60;

/// Dispatch's timeout in the template.
const TIMEOUT: Duration = Duration::from_secs(30);

/// One customer's destinations, and Dispatch with the test's own sender.
pub(super) struct Rounds {
    pub(super) site: Site,
    hand: ClockControl,
    mappings: Mappings,
    sinks: Vec<Sink>,
    /// The first event, which most tests are about.
    first: Option<EventId>,
}

/// A destination's receiver.
struct Sink {
    destination: DestinationId,
    receiver: Receiver,
    /// The number of requests that are in the history already.
    seen: usize,
}

impl Rounds {
    pub(super) async fn start(sender: HttpSender) -> Self {
        let (site, hand) = Site::by_hand().await;
        Self::with(site, hand, sender).await
    }

    /// Starts with a sender that trusts the site's own receiver.
    pub(super) async fn start_trusting_the_site() -> Self {
        let (site, hand) = Site::by_hand().await;
        let sender = HttpSender::new(EgressPolicy::PublicAndLoopback, &[site.certificate()]).unwrap();
        Self::with(site, hand, sender).await
    }

    async fn with(site: Site, hand: ClockControl, sender: HttpSender) -> Self {
        let config = Config::read(&site.world.stack.environment).unwrap();
        let clients = site.world.stack.clients.clone();
        let dispatch = Arc::new(Dispatch::with_sender(config, clients, Arc::new(site.clock.clone()), sender));
        let handler = move |event: LambdaEvent<_>| {
            let dispatch = Arc::clone(&dispatch);
            async move { dispatch.handle(event).await }
        };
        let function = site.deployed(Arc::new(InProcess::new(handler, site.clock.clone())), TIMEOUT);
        let mappings = Mappings::new(&site, &function).await;
        Self { site, hand, mappings, sinks: Vec::new(), first: None }
    }

    /// Adds a destination that leads to this receiver.
    pub(super) async fn destination(&mut self, receiver: Receiver) -> DestinationId {
        let (id, _) = self.site.customer.add_destination(&receiver.url(), "POST").await;
        let destination = DestinationId::parse(id).unwrap();
        self.site.destinations.lock().unwrap().insert(receiver.url(), destination.clone());
        self.sinks.push(Sink { destination: destination.clone(), receiver, seen: 0 });
        destination
    }

    /// Adds the receiver that a destination leads to now.
    pub(super) fn moved_to(&mut self, destination: &DestinationId, receiver: Receiver) {
        self.sinks.push(Sink { destination: destination.clone(), receiver, seen: 0 });
    }

    /// Ends a conversation.
    pub(super) async fn accept(&mut self, conversation: &str) {
        let event = self.site.accept(conversation).await;
        self.first.get_or_insert(event);
    }

    /// Delivers messages until none is due before the clock moves.
    pub(super) async fn settle(&mut self) {
        while self.mappings.step().await > 0 {
            self.collect();
        }
    }

    /// Moves the clock and delivers the messages that are due then.
    pub(super) async fn pass(&mut self, time: Duration) {
        self.hand.advance(time);
        self.settle().await;
    }

    /// Moves the clock and delivers messages until the queues are empty.
    pub(super) async fn drain(&mut self) {
        self.settle().await;
        for _ in 0..TICKS {
            let mut left = 0;
            for queue in [EVENTS, DELIVERIES, DEAD_LETTERS] {
                left += self.site.world.messages_in(queue).await;
            }
            if left == 0 {
                return;
            }
            self.pass(TICK).await;
        }
        panic!("the queues do not become empty");
    }

    /// Collects the requests since the last call. The clock has not moved meanwhile.
    fn collect(&mut self) {
        let at = self.site.clock.now();
        for sink in &mut self.sinks {
            let seen = sink.receiver.requests().into_iter().zip(sink.receiver.statuses()).skip(sink.seen);
            let seen: Vec<_> =
                seen.map(|(text, answered)| request(&sink.destination, &text, answered, at)).collect();
            sink.seen += seen.len();
            self.site.seen.lock().unwrap().extend(seen);
        }
    }

    /// The first event's delivery to a destination.
    fn delivery_to(&self, destination: &DestinationId) -> DeliveryId {
        DeliveryId::of(self.first.as_ref().unwrap(), destination)
    }

    async fn records(&self, destination: &DestinationId) -> Vec<Record> {
        self.site.records_of(&self.delivery_to(destination)).await
    }

    /// The outcomes of the first event's attempts at a destination, and the delivery's status.
    pub(super) async fn story(&self, destination: &DestinationId) -> (Vec<&'static str>, &'static str) {
        let records = self.records(destination).await;
        let outcomes = attempts(&records).map(|attempted| attempted.outcome.class.into()).collect();
        (outcomes, DeliveryState::of(&records).unwrap().status.into())
    }

    /// The error of the first event's last attempt at a destination.
    pub(super) async fn last_error(&self, destination: &DestinationId) -> String {
        let records = self.records(destination).await;
        attempts(&records).last().unwrap().outcome.error.clone().unwrap()
    }

    /// The number of requests of the first event that a destination's receivers have seen.
    pub(super) fn requests_to(&self, destination: &DestinationId) -> usize {
        let delivery = self.delivery_to(destination);
        self.site.seen.lock().unwrap().iter().filter(|request| request.delivery == delivery).count()
    }

    /// Ends a test: asserts that every promise was kept and that nothing came later than it could.
    pub(super) async fn check(&mut self) {
        self.collect();
        let mut history = self.site.history().await;
        history.is_idle = true;
        checker::assert_kept(&history);
    }
}

fn attempts(records: &[Record]) -> impl Iterator<Item = &Attempted> {
    records.iter().filter_map(|record| match &record.entry {
        Entry::Attempted(attempted) => Some(attempted),
        Entry::Inflight { .. } | Entry::Closed { .. } => None,
    })
}

/// Parses a request as its receiver read it.
fn request(destination: &DestinationId, text: &str, answered: Option<u16>, at: Timestamp) -> Request {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
    };
    let mut digest = DefaultHasher::new();
    body.hash(&mut digest);
    Request {
        at,
        ended_at: at,
        delivery: DeliveryId::of(&EventId::parse(header("webhook-id")).unwrap(), destination),
        attempt: header("webhook-attempt").parse().unwrap(),
        digest: digest.finish(),
        answered,
    }
}
