//! The time that a page of the Delivery Logs takes among ten thousand deliveries, read in order by cursor.

use std::time::{Duration, Instant};

use adapters::config::{Retention, Vars};
use adapters::dynamodb::LedgerTable;
use domain::delivery::history::Owner;
use domain::delivery::ledger::Ledger;
use domain::delivery::ledger::{Claim, CompletedAttempt};
use domain::delivery::outcome::{Outcome, OutcomeClass};
use domain::delivery::record::{Delivery, Trigger};
use domain::destination::retry::Retry;
use domain::event::kind::EventKind;
use domain::shared::ids::{AccountId, ConversationId, DeliveryId, DestinationId, EventId};
use domain::shared::timestamp::Timestamp;
use futures_util::future::join_all;
use serde_json::Value;

use crate::figures::{Figures, milliseconds};
use crate::world::{Customer, World};

const DELIVERIES: u64 = 10_000;

/// The API's largest page size: a hundred pages hold every delivery.
const PAGE: usize = 100;

pub(crate) async fn run() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    fill(&world, &customer).await;
    for query in ["limit=100", "limit=100&destination_id=dst_1"] {
        let (times, found) = walk(&world, &customer, query).await;
        assert_eq!(found, DELIVERIES, "{query}");
        let [first, hundredth] = [times[0], times[99]].map(milliseconds);
        let figures = Figures::of(&times);
        let [p50, max] = [50, 100].map(|percent| figures.percentile(percent));
        println!(
            "{query:<32} page 1 {first:>6.1} ms   page 100 {hundredth:>6.1} ms   p50 {p50:>6.1} ms   max {max:>6.1} ms"
        );
    }
    world.stack.stop().await;
}

/// Records deliveries as Dispatch does, a second apart, the last one now.
async fn fill(world: &World, customer: &Customer) {
    let retention = Retention::read(&Days).unwrap();
    let table = world.stack.resources.tables["DeliveryLogTable"].clone();
    let ledger = LedgerTable::new(world.stack.clients.dynamodb.clone(), table, retention);
    let account = AccountId::parse(customer.account_id.clone()).unwrap();
    let now = world.now_ms();
    let numbers: Vec<_> = (0..DELIVERIES).collect();
    for some in numbers.chunks(50) {
        join_all(
            some.iter().map(|number| record(&ledger, &account, *number, now - (DELIVERIES - number) * 1000)),
        )
        .await;
    }
}

async fn record(ledger: &LedgerTable, account: &AccountId, number: u64, millis: u64) {
    let conversation_id = ConversationId::parse(format!("c-{number}")).unwrap();
    let event = EventId::of_conversation(account, &conversation_id);
    let destination_id = DestinationId::parse("dst_1").unwrap();
    let at = Timestamp::from_millis(millis);
    let delivery = Delivery {
        account_id: account.clone(),
        id: DeliveryId::of(&event, &destination_id),
        destination_id,
        conversation_id: Some(conversation_id),
        event: EventKind::Completed,
        trigger: Trigger::Lifecycle,
        created_at: at,
    };
    let claim = Claim {
        delivery,
        retry: Retry::Standard,
        number: 1,
        owner: Owner::new("bench", 0),
        at,
        lease_until: at,
    };
    assert!(ledger.claim(std::slice::from_ref(&claim)).await[0].is_ok());
    let outcome = Outcome {
        class: OutcomeClass::Success,
        http_status: Some(200),
        error: None,
        duration: Duration::from_millis(12),
        response: None,
    };
    assert!(ledger.complete(&CompletedAttempt::new(claim, outcome, &[], at)).await.unwrap());
}

/// Reads all pages; returns their times and the number of deliveries on them.
async fn walk(world: &World, customer: &Customer, query: &str) -> (Vec<Duration>, u64) {
    let (mut times, mut found, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let start = Instant::now();
        let request = world.http.get(world.stack.url(&format!("/v1/deliveries?{query}{cursor}")));
        let answer = request.header("x-api-key", &customer.key).send().await.unwrap();
        let page: Value = answer.json().await.unwrap();
        times.push(start.elapsed());
        let deliveries = page["deliveries"].as_array().unwrap().len();
        assert!(deliveries <= PAGE);
        found += deliveries as u64;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (times, found),
        }
    }
}

/// A retention of thirty days.
struct Days;

impl Vars for Days {
    fn get(&self, _: &str) -> Option<String> {
        Some("30".to_owned())
    }
}
