//! One invocation: what `dispatch` does with a batch, over the simulated ports.

use std::sync::Arc;

use domain::delivery::deliver::{Deliver, Invocation, Verdict};
use domain::delivery::fan_out::FanOut;
use domain::delivery::ledger::RETRY_AFTER;
use domain::delivery::message::Message;
use domain::delivery::rate_limiter::{Admission, RateLimiter};
use domain::delivery::received::Received;
use domain::delivery::received::{Receipt, Visibility};
use domain::delivery::reconcile::Reconcile;
use domain::shared::catch_panic::catch_panic;
use domain::shared::clock::Clock;
use domain::testing::fakes::PlaintextVault;
use futures_util::future::join_all;

use crate::ports::Ports;
use crate::queue::{Handed, Source};

pub(crate) struct Worker {
    ports: Ports,
    clock: Arc<dyn Clock>,
}

impl Worker {
    pub(crate) fn new(ports: Ports) -> Self {
        let clock = Arc::clone(&ports.network.clock);
        Self { ports, clock }
    }

    /// The messages that are done with.
    pub(crate) async fn handle(
        self,
        source: Source,
        batch: Vec<Handed>,
        invocation: Invocation,
    ) -> Vec<Receipt> {
        let ours = batch.into_iter().filter_map(|handed| Some((Message::parse(&handed.body).ok()?, handed)));
        let ours: Vec<_> = ours.collect();
        match source {
            Source::Events => self.fan_out(&ours).await,
            Source::Deliveries => self.deliver(&ours, &invocation).await,
            Source::DeadLetters => self.reconcile(&ours).await,
        }
    }

    async fn fan_out(&self, batch: &[(Message, Handed)]) -> Vec<Receipt> {
        let ports = || self.ports.clone();
        let step = FanOut::new(ports(), ports(), ports(), ports(), Arc::clone(&self.clock));
        let one = async |(message, handed): &(Message, Handed)| {
            let Message::Event(event) = message else { return None };
            if catch_panic(step.run(event)).await.is_ok() {
                self.ports.world.fanned_out(&event.event_id);
                return Some(handed.receipt.clone());
            }
            let _ = self.ports.postpone(&handed.receipt, RETRY_AFTER).await;
            None
        };
        join_all(batch.iter().map(one)).await.into_iter().flatten().collect()
    }

    async fn deliver(&self, batch: &[(Message, Handed)], invocation: &Invocation) -> Vec<Receipt> {
        let received: Vec<_> = batch.iter().filter_map(received).collect();
        let (ports, clock) = (|| self.ports.clone(), || Arc::clone(&self.clock));
        let world = &self.ports.world;
        let circuit_breaker = world.take_breaker();
        let rate_limiter =
            RateLimiter::new(ports(), ports(), world.rate_limit, Arc::clone(&circuit_breaker), clock());
        let turns = rate_limiter.run(&received).await;
        let (due, defer): (Vec<_>, Vec<_>) =
            received.into_iter().zip(turns).partition(|(_, turn)| *turn == Admission::Now);
        let due: Vec<_> = due.into_iter().map(|(received, _)| received).collect();
        let step = Deliver::new(
            ports(),
            ports(),
            PlaintextVault,
            ports(),
            ports(),
            Arc::clone(&circuit_breaker),
            clock(),
        );
        let verdicts = step.run(&due, invocation).await;
        world.keep_breaker(circuit_breaker);
        let done = due.into_iter().zip(verdicts).filter(|(_, verdict)| *verdict == Verdict::Done);
        let done = done.map(|(received, _)| received.receipt);
        done.chain(defer.into_iter().map(|(received, _)| received.receipt)).collect()
    }

    async fn reconcile(&self, batch: &[(Message, Handed)]) -> Vec<Receipt> {
        let ports = || self.ports.clone();
        let step = Reconcile::new(ports(), ports(), ports(), Arc::clone(&self.clock));
        let one = async |(message, handed): &(Message, Handed)| {
            catch_panic(step.run(message)).await.is_ok().then(|| handed.receipt.clone())
        };
        join_all(batch.iter().map(one)).await.into_iter().flatten().collect()
    }
}

fn received((message, handed): &(Message, Handed)) -> Option<Received> {
    let Message::Delivery(message) = message else { return None };
    let (message, receipt) = (message.clone(), handed.receipt.clone());
    Some(Received { message, receipt, receive_count: handed.receive_count })
}
