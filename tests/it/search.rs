//! The Delivery Logs as a customer searches them who looks for lost events.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use local::clock::ClockControl;
use local::receiver::Answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{Customer, MORNING_MS, World, eventually, text};

/// `BatchWriteItem` takes 25 rows.
const BATCH: usize = 25;

/// A customer with one destination.
struct Log {
    world: World,
    hand: ClockControl,
    customer: Customer,
    destination: String,
}

impl Log {
    async fn set() -> Self {
        let (world, hand) = World::by_hand().await;
        let customer = world.customer("Acme").await;
        let (destination, _) = customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
        Self { world, hand, customer, destination }
    }

    fn answer(&self, status: u16) {
        self.world.stack.receiver.answer("/hooks", Answer::Status(status));
    }

    /// The ids of the deliveries that a search finds.
    async fn found(&self, query: &str) -> BTreeSet<String> {
        let page = self.customer.get(&format!("/v1/deliveries?{query}")).await;
        page["deliveries"].as_array().unwrap().iter().map(|delivery| text(&delivery["id"])).collect()
    }

    async fn shown(&self, id: &str) -> Value {
        self.customer.get(&format!("/v1/deliveries/{id}")).await
    }

    /// Waits until a delivery has this status, while the clock moves on to its attempts.
    async fn ends(&self, id: &str, status: &str) {
        eventually(&format!("a delivery that is {status}"), async || {
            let (found, delivery) =
                self.customer.call(Method::GET, &format!("/v1/deliveries/{id}"), None).await;
            if found == StatusCode::OK && delivery["status"] == "retrying" {
                self.world.advance(&self.hand, Duration::from_secs(10)).await;
            }
            (delivery["status"] == status).then_some(())
        })
        .await;
        self.world.quiet().await;
    }

    /// Ends a conversation; returns its delivery's id once it has this status.
    async fn end(&self, conversation: &str, status: &str) -> String {
        self.customer.hang_up(conversation).await;
        let first = eventually("a delivery", async || {
            self.customer.deliveries_of(conversation).await.first().map(|delivery| text(&delivery["id"]))
        });
        let id = first.await;
        self.ends(&id, status).await;
        self.hand.advance(Duration::from_secs(1));
        id
    }

    /// Sends a delivery's event again; returns the new delivery's id once it has this status.
    async fn resend(&self, id: &str, status: &str) -> String {
        let path = format!("/v1/deliveries/{id}/resend");
        let (accepted, sent) = self.customer.call(Method::POST, &path, Some(&json!({}))).await;
        assert_eq!(accepted, StatusCode::ACCEPTED, "{sent}");
        let id = text(&sent["delivery_id"]);
        self.ends(&id, status).await;
        self.hand.advance(Duration::from_secs(1));
        id
    }

    async fn status(&self, status: &str) {
        self.customer.change_destination(&self.destination, &json!({"status": status})).await;
    }

    /// Lists copies of a delivery, one a second from this moment on.
    async fn copy(&self, delivery: &Value, copies: u64, from_ms: u64) {
        let tables = &self.world.stack.clients.dynamodb;
        let name = &self.world.stack.resources.tables["DeliveryLogTable"];
        let (s, n) = (AttributeValue::S, |number: u64| AttributeValue::N(number.to_string()));
        let event = text(&delivery["event_id"]);
        let id = text(&delivery["id"]);
        let pk = format!("{}#{event}", self.customer.account_id);
        let row = tables.get_item().table_name(name).key("pk", s(pk)).key("sk", s(format!("{id}#1")));
        let row = row.send().await.unwrap().item.unwrap();
        let copy = |number: u64| {
            let at = from_ms + 1_000 * number;
            let mut row = row.clone();
            row.insert("pk".to_owned(), s(format!("copy#{id}#{at}")));
            row.insert("created_at".to_owned(), n(at));
            row.insert("position".to_owned(), s(format!("{at}#{id}")));
            WriteRequest::builder()
                .put_request(PutRequest::builder().set_item(Some(row)).build().unwrap())
                .build()
        };
        let rows: Vec<_> = (0..copies).map(copy).collect();
        for rows in rows.chunks(BATCH) {
            let rows = HashMap::from([(name.clone(), rows.to_vec())]);
            tables.batch_write_item().set_request_items(Some(rows)).send().await.unwrap();
        }
    }

    /// The attempts that succeeded on the clock's first day, and whether there were more.
    async fn succeeded(&self, of: &str) -> (u64, bool) {
        let path = format!("/v1/stats?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z{of}");
        let stats = self.customer.get(&path).await;
        (stats["succeeded"].as_u64().unwrap(), stats["sampled"].as_bool().unwrap())
    }
}

fn ids<const N: usize>(ids: [&String; N]) -> BTreeSet<String> {
    ids.into_iter().cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_delivery_made_good_says_by_which_and_is_no_longer_undelivered() {
    let log = Log::set().await;
    log.answer(500);
    let lost = log.end("c-1", "exhausted").await;
    let again = log.resend(&lost, "exhausted").await;
    assert_eq!(log.found("undelivered=true").await, ids([&lost, &again]));
    assert_eq!(log.shown(&lost).await["delivered_later_by"], Value::Null);

    // It arrives at the second attempt.
    log.answer(200);
    log.world.stack.receiver.answer_next("/hooks", [Answer::Status(500)]);
    let arrived = log.resend(&again, "delivered").await;
    for undelivered in ["undelivered=true", "undelivered=true&conversation_id=c-1"] {
        assert_eq!(log.found(undelivered).await, ids([]), "{undelivered}");
    }
    for list in ["", "conversation_id=c-1"] {
        let page = log.customer.get(&format!("/v1/deliveries?{list}")).await;
        for delivery in page["deliveries"].as_array().unwrap() {
            let later = if delivery["id"] == json!(arrived) { Value::Null } else { json!(arrived) };
            assert_eq!(delivery["delivered_later_by"], later, "{list} {delivery}");
        }
    }
    for id in [&lost, &again] {
        assert_eq!(log.shown(id).await["delivered_later_by"], json!(arrived));
    }
    let events = log.customer.get("/v1/events").await;
    assert_eq!(events["events"][0]["deliveries"][0]["delivered_later_by"], json!(arrived));

    // What is sent once more and fails is later than that.
    log.answer(500);
    let failed = log.resend(&lost, "exhausted").await;
    assert_eq!(log.found("undelivered=true").await, ids([&failed]));
    log.answer(200);
    let last = log.resend(&failed, "delivered").await;
    assert_eq!(log.shown(&failed).await["delivered_later_by"], json!(last));
    assert_eq!(log.found("undelivered=true").await, ids([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_undelivered_are_exhausted_skipped_or_cancelled_and_no_tests() {
    let log = Log::set().await;
    let arrived = log.end("c-1", "delivered").await;
    log.answer(500);
    let exhausted = log.end("c-2", "exhausted").await;
    log.customer.hang_up("c-3").await;
    let cancelled = text(&log.customer.delivery_after("c-3", 1).await["id"]);
    log.status("disabled").await;
    log.world.advance(&log.hand, Duration::from_secs(10)).await;
    log.ends(&cancelled, "cancelled").await;
    let skipped = log.end("c-4", "skipped").await;
    log.status("enabled").await;
    let path = format!("/v1/destinations/{}/test", log.destination);
    let test = text(&log.customer.call(Method::POST, &path, None).await.1["delivery_id"]);
    log.ends(&test, "exhausted").await;
    assert_eq!(log.found("undelivered=true").await, ids([&exhausted, &cancelled, &skipped]));
    assert_eq!(
        log.found("undelivered=true&status=exhausted&status=skipped").await,
        ids([&exhausted, &skipped])
    );
    assert_eq!(log.found(&format!("undelivered=true&destination_id={}", log.destination)).await.len(), 3);
    assert_eq!(log.found("http_status=500&trigger=lifecycle").await, ids([&exhausted, &cancelled]));

    log.answer(200);
    for id in [&exhausted, &cancelled, &skipped, &arrived] {
        let later = log.resend(id, "delivered").await;
        let shown = &log.shown(id).await["delivered_later_by"];
        assert_eq!(*shown, if id == &arrived { Value::Null } else { json!(later) });
    }
    assert_eq!(log.found("undelivered=true").await, ids([]));
    log.resend(&test, "delivered").await;
    assert_ne!(log.shown(&test).await["delivered_later_by"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_skipped_is_hidden_unless_it_is_asked_for() {
    let log = Log::set().await;
    let arrived = log.end("c-1", "delivered").await;
    log.status("disabled").await;
    let skipped = log.end("c-2", "skipped").await;
    let event = text(&log.shown(&skipped).await["event_id"]);
    for query in ["", "event=conversation.completed", "trigger=lifecycle", "from=2026-09-01T00:00:00Z"] {
        assert_eq!(log.found(query).await, ids([&arrived]), "{query}");
    }
    for query in ["status=skipped", "undelivered=true", "conversation_id=c-2", &format!("event_id={event}")] {
        assert_eq!(log.found(query).await, ids([&skipped]), "{query}");
    }
    for query in [&format!("destination_id={}", log.destination), "status=delivered&status=skipped"] {
        assert_eq!(log.found(query).await, ids([&arrived, &skipped]), "{query}");
    }
    let events = log.customer.get("/v1/events").await;
    assert_eq!(events["events"][0]["deliveries"][0]["id"], json!(skipped), "{events}");
}

/// What is skipped at a disabled destination uses up nothing of what is counted.
#[tokio::test(flavor = "multi_thread")]
async fn statistics_count_every_attempt_beside_what_was_skipped() {
    let log = Log::set().await;
    let arrived = log.end("c-1", "delivered").await;
    log.status("disabled").await;
    let skipped = log.end("c-2", "skipped").await;
    log.copy(&log.shown(&arrived).await, 2_204, MORNING_MS).await;
    log.copy(&log.shown(&skipped).await, 200, MORNING_MS).await;
    for of in [String::new(), format!("&destination_id={}", log.destination)] {
        assert_eq!(log.succeeded(&of).await, (2_205, false), "{of}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes ten thousand rows"]
async fn statistics_are_exact_over_ten_thousand_deliveries_and_say_so_if_there_are_more() {
    let log = Log::set().await;
    let arrived = log.shown(&log.end("c-1", "delivered").await).await;
    log.copy(&arrived, 9_999, MORNING_MS).await;
    assert_eq!(log.succeeded("").await, (10_000, false));
    log.copy(&arrived, 2, MORNING_MS - 10_000).await;
    assert_eq!(log.succeeded("").await, (10_000, true));
}
