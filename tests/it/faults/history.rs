//! Collects everything that was observed of a site, for the checker.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{Hash, Hasher};

use adapters::config::Retention;
use adapters::dynamodb::LedgerTable;
use checker::history::{History, Memory, RemainingMessage, Request, Trace};
use domain::delivery::deliver::ATTEMPT_LIMIT;
use domain::delivery::history::{Entry, Record};
use domain::delivery::ledger::Ledger as _;
use domain::delivery::outcome::OutcomeClass;
use domain::delivery::record::DeliveryStatus;
use domain::delivery::state::DeliveryState;
use domain::shared::ids::{AccountId, DeliveryId, EventId};
use domain::shared::timestamp::Timestamp;
use futures_util::stream::{self, StreamExt};
use local::receiver::{Answer, Received};

use super::site::{CANARIES, DEAD_LETTERS, DELIVERIES, EVENTS, Site, attempt};
use super::worker::MEMORY_MIB;
use crate::log;

/// Concurrent reads.
const AT_ONCE: usize = 16;

impl Site {
    /// Ends a test: asserts that every promise was kept.
    pub(super) async fn assert_kept(&self) {
        checker::assert_kept(&self.history().await);
    }

    /// Everything that was observed of the site.
    pub(super) async fn history(&self) -> History {
        let (records, left) = (self.records().await, self.left().await);
        let received = self.earlier.iter().cloned().chain(self.receiver.all());
        let received = received.map(|request| self.request(&request));
        let mut canaries: Vec<_> = CANARIES.map(str::to_owned).into();
        canaries.push(self.customer.key.rsplit('_').next().unwrap().to_owned());
        canaries.extend(self.secrets.lock().unwrap().clone());
        let own = Trace { name: "the log".to_owned(), text: log::captured().text() };
        let errors = records.iter().flat_map(|(delivery, records)| errors(delivery, records));
        History {
            expected: self.expected.lock().unwrap().clone(),
            requests: received.chain(self.seen.lock().unwrap().iter().cloned()).collect(),
            traces: [own].into_iter().chain(self.log_of_workers()).chain(errors).collect(),
            records,
            left,
            canaries,
            memory: self.memory(),
            ..History::default()
        }
    }

    /// The outcomes of a delivery's attempts, according to its records.
    pub(super) async fn outcomes(&self, delivery: &DeliveryId) -> Vec<OutcomeClass> {
        let records = self.records_of(delivery).await;
        let outcomes = records.iter().map(|record| match &record.entry {
            Entry::Attempted(attempted) => attempted.outcome.class,
            other => panic!("{other:?}"),
        });
        outcomes.collect()
    }

    /// A delivery's status, according to its records.
    pub(super) async fn status(&self, delivery: &DeliveryId) -> DeliveryStatus {
        DeliveryState::of(&self.records_of(delivery).await).unwrap().status
    }

    /// A delivery's records.
    pub(super) async fn records_of(&self, delivery: &DeliveryId) -> Vec<Record> {
        self.ledger().records(&self.account(), delivery).await.unwrap()
    }

    /// The log of the workers, if there were any.
    fn log_of_workers(&self) -> Option<Trace> {
        if self.workers.lock().unwrap().is_empty() {
            return None;
        }
        let text = fs::read_to_string(self.log_file()).unwrap();
        assert!(text.contains("delivery.attempted"), "the workers log what they do: {text}");
        Some(Trace { name: "the workers' log".to_owned(), text })
    }

    /// The highest memory use among the workers.
    fn memory(&self) -> Option<Memory> {
        let peak = self.workers.lock().unwrap().iter().map(|worker| worker.peak()).max()?;
        Some(Memory { peak, limit: u64::from(MEMORY_MIB) * 1024 * 1024 })
    }

    fn account(&self) -> AccountId {
        AccountId::parse(self.customer.account_id.clone()).unwrap()
    }

    /// The ledger, read without the proxies.
    fn ledger(&self) -> LedgerTable {
        let stack = &self.world.stack;
        let table = stack.resources.tables["DeliveryLogTable"].clone();
        LedgerTable::new(stack.clients.dynamodb.clone(), table, Retention::read(&stack.environment).unwrap())
    }

    fn request(&self, received: &Received) -> Request {
        let event = received.headers["webhook-id"].to_str().unwrap();
        let destination = &self.destinations.lock().unwrap()[&received.path];
        let mut digest = DefaultHasher::new();
        received.payload.hash(&mut digest);
        let at = Timestamp::from_millis(received.at_ms);
        let (answered, ended_at) = match received.answer {
            Answer::Status(status) | Answer::Body(status, _) => (Some(status), at),
            Answer::Hang => (None, at + ATTEMPT_LIMIT),
            Answer::Drop => (None, at),
        };
        Request {
            at,
            ended_at,
            delivery: DeliveryId::of(&EventId::parse(event).unwrap(), destination),
            attempt: attempt(received),
            digest: digest.finish(),
            answered,
        }
    }

    /// The records of every delivery that has any, as the ledger reads them.
    async fn records(&self) -> BTreeMap<DeliveryId, Vec<Record>> {
        let dynamodb = &self.world.stack.clients.dynamodb;
        let table = &self.world.stack.resources.tables["DeliveryLogTable"];
        let scan = dynamodb.scan().table_name(table).projection_expression("sk").consistent_read(true);
        let mut rows = scan.into_paginator().items().send();
        let mut deliveries = BTreeSet::new();
        while let Some(row) = rows.next().await {
            let row = row.unwrap();
            let delivery = row["sk"].as_s().unwrap().split_once('#').map(|(delivery, _)| delivery.to_owned());
            let delivery = delivery.and_then(|delivery| DeliveryId::parse(delivery).ok());
            deliveries.extend(delivery.filter(|delivery| delivery.event_id().is_some()));
        }
        let (ledger, account) = (self.ledger(), self.account());
        let histories = deliveries.into_iter().map(async |delivery| {
            let records = ledger.records(&account, &delivery).await.unwrap();
            (delivery, records)
        });
        stream::iter(histories).buffer_unordered(AT_ONCE).collect().await
    }

    /// The messages left in the queues, with a line for each that cannot be received.
    async fn left(&self) -> Vec<RemainingMessage> {
        let mut all = Vec::new();
        for queue in [EVENTS, DELIVERIES, DEAD_LETTERS] {
            let count = self.world.messages_in(queue).await;
            let receive = self.world.stack.clients.sqs.receive_message().queue_url(self.queue_url(queue));
            let received = receive.max_number_of_messages(10).visibility_timeout(0).send().await.unwrap();
            let mut bodies: Vec<_> =
                received.messages().iter().map(|message| message.body().unwrap().to_owned()).collect();
            let hidden = usize::try_from(count).unwrap().saturating_sub(bodies.len());
            bodies.extend(std::iter::repeat_n("a message that is in flight or delayed".to_owned(), hidden));
            let (queue, is_dead) = (queue.to_owned(), queue == DEAD_LETTERS);
            all.extend(bodies.into_iter().map(|body| RemainingMessage {
                queue: queue.clone(),
                is_dead,
                body,
            }));
        }
        all
    }
}

/// The errors of a delivery that customers can read.
fn errors<'a>(delivery: &'a DeliveryId, records: &'a [Record]) -> impl Iterator<Item = Trace> + 'a {
    records.iter().filter_map(move |record| match &record.entry {
        Entry::Attempted(attempted) => {
            let text = attempted.outcome.error.clone()?;
            Some(Trace { name: format!("an error of {delivery}"), text })
        }
        Entry::Inflight { .. } | Entry::Closed { .. } => None,
    })
}
