//! One invocation: processes a batch as `dispatch` does, over the simulated ports.

use std::sync::Arc;

use domain::delivery::deliver::{Deliver, Invocation, Verdict};
use domain::delivery::fan_out::{FanOut, ReceivedEvent};
use domain::delivery::message::Message;
use domain::delivery::monitor::Monitor;
use domain::delivery::rate_limiter::{Admission, RateLimiter};
use domain::delivery::received::{Receipt, Received};
use domain::delivery::reconcile::Reconcile;
use domain::redelivery::recover::Recover;
use domain::shared::catch_panic::catch_panic;
use domain::shared::clock::Clock;
use domain::testing::fakes::RETENTION;
use futures_util::future::{join, join_all};

use crate::ports::Ports;
use crate::queue::{ReceivedMessage, Source};

pub(crate) struct Worker {
    ports: Ports,
    clock: Arc<dyn Clock>,
}

impl Worker {
    pub(crate) fn new(ports: Ports) -> Self {
        let clock = Arc::clone(&ports.network.clock);
        Self { ports, clock }
    }

    /// Processes a batch and returns the messages that are done with.
    pub(crate) async fn handle(
        self,
        source: Source,
        batch: Vec<ReceivedMessage>,
        invocation: Invocation,
    ) -> Vec<Receipt> {
        let parsed =
            batch.into_iter().filter_map(|received| Some((Message::parse(&received.body).ok()?, received)));
        let parsed: Vec<_> = parsed.collect();
        match source {
            Source::Events => {
                let (mut done, taken) = join(self.fan_out(&parsed), self.recover(&parsed)).await;
                done.extend(taken);
                done
            }
            Source::Deliveries => self.deliver(&parsed, &invocation).await,
            Source::DeadLetters => self.reconcile(&parsed).await,
        }
    }

    async fn fan_out(&self, batch: &[(Message, ReceivedMessage)]) -> Vec<Receipt> {
        let ports = || self.ports.clone();
        let clock = Arc::clone(&self.clock);
        let step = FanOut::new(ports(), ports(), ports(), ports(), ports(), ports(), RETENTION, clock);
        let events: Vec<_> = batch.iter().map(event).collect();
        let done =
            events.iter().zip(step.run(&events).await).filter(|(_, verdict)| *verdict == Verdict::Done);
        done.map(|(event, _)| event.receipt.clone()).collect()
    }

    async fn recover(&self, batch: &[(Message, ReceivedMessage)]) -> Vec<Receipt> {
        let ports = || self.ports.clone();
        let step = Recover::new(ports(), ports(), ports(), ports(), ports(), Arc::clone(&self.clock));
        let one = async |(message, received): &(Message, ReceivedMessage)| {
            let Message::Recovery(message) = message else { return None };
            (step.run(message).await == Verdict::Done).then(|| received.receipt.clone())
        };
        join_all(batch.iter().map(one)).await.into_iter().flatten().collect()
    }

    async fn deliver(&self, batch: &[(Message, ReceivedMessage)], invocation: &Invocation) -> Vec<Receipt> {
        let received: Vec<_> = batch.iter().filter_map(received).collect();
        let (ports, clock) = (|| self.ports.clone(), || Arc::clone(&self.clock));
        let world = &self.ports.world;
        let circuit_breaker = world.take_breaker();
        let randomness = Arc::new(world.randomness.clone());
        let rate_limiter = RateLimiter::new(
            ports(),
            ports(),
            world.rate_limit,
            Arc::clone(&circuit_breaker),
            RETENTION,
            clock(),
            randomness,
        );
        let admissions = rate_limiter.run(&received).await;
        let (due, deferred): (Vec<_>, Vec<_>) =
            received.into_iter().zip(admissions).partition(|(_, admission)| *admission == Admission::Now);
        let due: Vec<_> = due.into_iter().map(|(received, _)| received).collect();
        let (monitor, breaker) =
            (Monitor::new(ports(), ports(), world.disable_after), Arc::clone(&circuit_breaker));
        let step = Deliver::new(ports(), ports(), ports(), ports(), ports(), monitor, breaker, clock());
        let verdicts = step.run(&due, invocation).await;
        world.keep_breaker(circuit_breaker);
        let done = due.into_iter().zip(verdicts).filter(|(_, verdict)| *verdict == Verdict::Done);
        let done = done.map(|(received, _)| received.receipt);
        done.chain(deferred.into_iter().map(|(received, _)| received.receipt)).collect()
    }

    async fn reconcile(&self, batch: &[(Message, ReceivedMessage)]) -> Vec<Receipt> {
        let ports = || self.ports.clone();
        let step = Reconcile::new(ports(), ports(), ports(), Arc::clone(&self.clock));
        let one = async |(message, received): &(Message, ReceivedMessage)| {
            catch_panic(step.run(message)).await.is_ok().then(|| received.receipt.clone())
        };
        join_all(batch.iter().map(one)).await.into_iter().flatten().collect()
    }
}

fn event((message, received): &(Message, ReceivedMessage)) -> ReceivedEvent<'_> {
    let is_first = received.receive_count.is_some_and(|count| count <= 1);
    ReceivedEvent { message, receipt: &received.receipt, is_first }
}

fn received((message, received): &(Message, ReceivedMessage)) -> Option<Received> {
    let Message::Delivery(message) = message else { return None };
    let (message, receipt) = (message.clone(), received.receipt.clone());
    Some(Received { message, receipt, receive_count: received.receive_count })
}
