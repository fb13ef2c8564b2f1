//! Throttles and conflicts in the forms that DynamoDB gives them: part of rows 36 and 41.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::delivery::outcome::OutcomeClass;
use domain::shared::ids::DeliveryId;
use futures_util::StreamExt;
use futures_util::stream;
use local::receiver::Answer as LocalAnswer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::api::Api;
use super::entries::{INSERTS, UPDATES};
use super::mappings::Mappings;
use super::proxy::OVER_CAPACITY;
use super::site::{DELIVERIES, Site};
use crate::log::captured;
use crate::providers::DAILY_SECRET;
use crate::world::{World, eventually, text};

const TRANSACTION: &str = "TransactWriteItems";
const WRITE: &str = "PutItem";

/// The reasons of a transaction that is worth another try, as DynamoDB names them.
/// Each is repeated by the SDK three times, then by us.
const BUSY: [&str; 2] = ["ThrottlingException", "ProvisionedThroughputExceededException"];

#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_write_that_was_throttled_is_tried_again() {
    let api = Api::of(Site::by_hand().await.0).await;
    for code in BUSY {
        api.site.tables.on(WRITE).first(7).refuse(400, code);
        let (status, _, body) = api.hang_up(&format!("c-{code}")).await;
        assert_eq!(status, 202, "{code}: {body}");
    }
    assert_eq!(api.site.tables.calls(WRITE), BUSY.len() * 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_write_that_stays_throttled_is_answered_in_time_and_with_the_time_to_wait() {
    let (site, hand) = Site::by_hand().await;
    let api = Api::of(site).await;
    api.site.tables.on(WRITE).refuse(400, BUSY[0]);
    let answer = tokio::spawn({
        let api = Arc::clone(&api);
        async move { api.hang_up("c-1").await }
    });
    let tried = async || (api.site.tables.calls(WRITE) >= 5).then_some(());
    eventually("five tries", tried).await;
    // Two seconds before the deadline: the answer has to arrive.
    hand.advance(Duration::from_secs(8));
    let (status, headers, body) = answer.await.unwrap();
    assert_eq!((status, text(&body["code"])), (503, "unavailable".to_owned()));
    assert_eq!(headers.get("retry-after").map(String::as_str), Some("1"));
}

/// Daily waits for few seconds, and disables a webhook that fails.
#[tokio::test(flavor = "multi_thread")]
async fn row_36_for_daily_a_throttled_write_is_tried_again_for_three_seconds() {
    let (site, hand) = Site::by_hand().await;
    let api = Api::of(site).await;
    api.site.customer.set_provider("daily", DAILY_SECRET).await;
    api.site.customer.put_conversation("c-1", &json!({"daily_room": "my-room"})).await;
    captured();
    api.site.tables.on(WRITE).refuse(400, BUSY[0]);
    let mut webhook: Value =
        serde_json::from_str(include_str!("../../../events/ingest/daily-meeting-ended.json")).unwrap();
    webhook["pathParameters"]["account_id"] = json!(api.site.customer.account_id);
    let cut_off = ["callback.lost", "receive a callback", &api.site.customer.account_id];
    let cut_off = || captured().with(&cut_off).len();
    let gave_up_in_time = async || {
        let before = (api.site.tables.calls(WRITE), cut_off());
        let gives_up = async {
            let tried = async || (api.site.tables.calls(WRITE) >= before.0 + 4).then_some(());
            eventually("three tries", tried).await;
            hand.advance(Duration::from_secs(3));
        };
        let ((status, _, body), ()) = tokio::join!(api.send(&webhook), gives_up);
        assert_eq!((status, text(&body["result"])), (200, "ignored".to_owned()));
        (cut_off() == before.1).then_some(())
    };
    // On a machine that is busy, the answer may be due before the third try.
    eventually("an end of the tries before the answer is due", gave_up_in_time).await;
    api.site.tables.heal();
    let (status, _, body) = api.send(&webhook).await;
    assert_eq!((status, text(&body["result"])), (200, "applied".to_owned()));
}

/// The completion of a later attempt is a transaction, with the row that lists the delivery.
#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_completion_whose_transaction_was_throttled_is_tried_again() {
    let (site, hand) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch().await).await;
    let destination = site.destination("/a").await;
    site.receiver.answer_next("/a", [LocalAnswer::Status(500)]);
    let event = site.accept("c-1").await;
    site.tables.on(TRANSACTION).first(4).cancel(&["None", "ThrottlingError"]);
    mappings.drain(&site, &hand, 0).await;
    assert_eq!(site.tables.calls(TRANSACTION), 5, "in the same invocation");
    let outcomes = site.outcomes(&DeliveryId::of(&event, &destination)).await;
    assert_eq!(outcomes, [OutcomeClass::HttpError, OutcomeClass::Success]);
    site.assert_kept().await;
}

/// Platforms report the same conversation from many places.
#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
async fn updates_of_one_conversation(calls: usize, writers: usize) -> Duration {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let answers = stream::iter(0..calls).map(async |number| {
        let start = Instant::now();
        let body = json!({"notes": format!("note {number}")});
        let (status, _) = customer.call(Method::PUT, "/v1/conversations/c-1", Some(&body)).await;
        (status, start.elapsed())
    });
    let answers: Vec<_> = answers.buffer_unordered(writers).collect().await;
    let mut times: Vec<_> = answers.iter().map(|(_, time)| *time).collect();
    times.sort_unstable();
    let [median, p99] = [50, 99].map(|of_hundred| times[calls * of_hundred / 100]);
    let refused = answers.iter().filter(|(status, _)| *status != StatusCode::OK).count();
    println!("{calls} updates by {writers} writers: {refused} refused, median {median:?}, p99 {p99:?}");
    assert_eq!(refused, 0);
    p99
}

#[tokio::test(flavor = "multi_thread")]
async fn row_41_many_writers_of_one_conversation_all_succeed() {
    updates_of_one_conversation(50, 16).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes the machine: cargo test --profile bench -p tests --test it -- --ignored row_41 --nocapture"]
async fn row_41_two_hundred_updates_of_one_conversation_by_64_writers_all_succeed() {
    assert!(updates_of_one_conversation(200, 64).await < Duration::from_secs(8));
}

/// Fifty messages whose counter takes a tenth of the writes: what cannot be counted waits, instead of being sent beyond
/// the limit.
#[tokio::test(flavor = "multi_thread")]
async fn row_36_what_cannot_be_counted_keeps_to_the_limit() {
    const LIMIT: u32 = 20;
    let (site, hand) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch_with_limit(LIMIT).await).await;
    site.destination("/a").await;
    for number in 0..50 {
        site.accept(&format!("c-{number}")).await;
    }
    site.tables.limit_items(1, &site.clock);
    mappings.drain(&site, &hand, 0).await;
    assert!(site.tables.calls(OVER_CAPACITY) > 0, "no counter was throttled");
    let mut windows = BTreeMap::<_, u32>::new();
    for request in site.receiver.all() {
        *windows.entry(request.at_ms / 10_000).or_default() += 1;
    }
    assert!(windows.values().all(|requests| *requests <= LIMIT), "{windows:?}");
    site.assert_kept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_throttled_claim_or_completion_of_a_batch_is_tried_again_alone() {
    let (site, hand) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch().await).await;
    for path in ["/a", "/b"] {
        site.destination(path).await;
    }
    site.accept("c-1").await;
    mappings.events.step().await;
    // Of both, then of the one that is left.
    for operation in [INSERTS, UPDATES] {
        site.tables.on(operation).first(4).fail_entries(&[0]);
    }
    mappings.deliveries.step().await;
    assert_eq!([site.attempts_at("/a"), site.attempts_at("/b")], [[1], [1]]);
    assert_eq!(site.world.messages_in(DELIVERIES).await, 0, "acknowledged by the same invocation");
    mappings.drain(&site, &hand, 0).await;
    site.assert_kept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_keys_that_a_read_left_out_are_asked_for_again_after_a_pause() {
    const ROUNDS: u32 = 5;
    let (site, hand) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch().await).await;
    for number in 0..ROUNDS {
        site.destination(&format!("/{number}")).await;
    }
    site.accept("c-1").await;
    mappings.events.step().await;
    // The destinations and the event: each call reads one of them.
    site.tables.on("BatchGetItem").first(5).fail_entries(&[1, 2, 3, 4, 5]);
    let start = Instant::now();
    mappings.deliveries.step().await;
    assert!(start.elapsed() >= ROUNDS * Duration::from_millis(25), "{:?}", start.elapsed());
    assert_eq!(site.world.messages_in(DELIVERIES).await, 0, "acknowledged by the same invocation");
    mappings.drain(&site, &hand, 0).await;
    site.assert_kept().await;

    let api = Api::of(site).await;
    assert_eq!(api.hang_up("c-2").await.0, 202);
    api.site.tables.on("BatchGetItem").nth(1).fail_entries(&[1]);
    let (status, _, body) = api.hang_up("c-2").await;
    assert_eq!(status, 202, "whether its event was sent is read again: {body}");
}
