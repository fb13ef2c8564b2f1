//! Faults of DynamoDB: rows 36 to 38.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::delivery::outcome::OutcomeClass::{self, HttpError, Success, Unknown};
use domain::shared::ids::{DeliveryId, EventId};
use domain::testing::fakes::SeededRandomness;
use futures_util::future::join_all;
use local::clock::ClockControl;
use local::receiver::Answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::entries::{INSERTS, THROTTLED, UPDATES};
use super::mappings::Mappings;
use super::proxy::On;
use super::site::{DELIVERIES, Site};
use crate::world::{MORNING_MS, eventually};

const CLAIM: &str = INSERTS;
const COMPLETE: &str = UPDATES;
/// Completes a later attempt, together with the row that lists the delivery.
const COMPLETE_LATER: &str = "TransactWriteItems";

/// The SDK's tries of one call, as configured for the functions' clients.
const TRIES: usize = 3;

/// With the 10 s before it, longer than a lease: the timeout of 30 s and a margin of 3 s.
const AFTER_THE_LEASE: Duration = Duration::from_secs(32);

/// Less than a second before the deadline, when completions are no longer tried.
const SHORTLY_BEFORE_THE_DEADLINE: Duration = Duration::from_millis(29_500);

/// One queued delivery to a destination at `/a`.
struct Case {
    site: Site,
    hand: ClockControl,
    mappings: Mappings,
    event: EventId,
}

impl Case {
    async fn start() -> Self {
        let (site, hand) = Site::by_hand().await;
        let mappings = Mappings::new(&site, &site.dispatch().await).await;
        site.destination("/a").await;
        let event = site.accept("c-1").await;
        mappings.events.step().await;
        Self { site, hand, mappings, event }
    }

    /// Drains the queues; returns the attempts' outcomes, and the numbers of those that the receiver saw.
    async fn end(self) -> (Vec<OutcomeClass>, Vec<u8>) {
        self.mappings.drain(&self.site, &self.hand, 0).await;
        self.site.assert_kept().await;
        let destination = self.site.destinations.lock().unwrap()["/a"].clone();
        let outcomes = self.site.outcomes(&DeliveryId::of(&self.event, &destination)).await;
        (outcomes, self.site.attempts_at("/a"))
    }
}

/// The ways in which a table fails without applying the call.
const FAILURES: [fn(On<'_>); 3] = [|on| on.refuse(400, THROTTLED), |on| on.fail(500), |on| on.hang()];

#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_claim_that_fails_once_is_repeated() {
    for fail in FAILURES {
        let case = Case::start().await;
        fail(case.site.tables.on(CLAIM).nth(1));
        case.mappings.deliveries.step().await;
        assert_eq!(case.site.attempts_at("/a"), [1], "in the same invocation");
        assert_eq!(case.end().await, (vec![Success], vec![1]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_without_a_claim_nothing_is_sent_and_the_item_is_handed_back() {
    join_all(FAILURES.map(async |fail| {
        let case = Case::start().await;
        fail(case.site.tables.on(CLAIM).first(TRIES));
        case.mappings.deliveries.step().await;
        assert_eq!((case.site.attempts_at("/a"), case.site.tables.calls(CLAIM)), (vec![], TRIES));
        case.hand.advance(Duration::from_secs(10));
        assert_eq!(case.mappings.deliveries.step().await, 1, "it comes back after ten seconds");
        assert_eq!(case.end().await, (vec![Success], vec![1]));
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_completion_that_fails_once_is_repeated() {
    for fail in FAILURES {
        let case = Case::start().await;
        fail(case.site.tables.on(COMPLETE).nth(1));
        case.mappings.deliveries.step().await;
        assert_eq!(case.site.world.messages_in(DELIVERIES).await, 0, "acknowledged by the same invocation");
        assert_eq!(case.end().await, (vec![Success], vec![1]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_success_is_not_forgotten_while_its_invocation_has_time() {
    join_all(FAILURES.map(async |fail| {
        let case = Case::start().await;
        fail(case.site.tables.on(COMPLETE).first(2 * TRIES));
        case.mappings.deliveries.step().await;
        assert_eq!(case.site.world.messages_in(DELIVERIES).await, 0, "acknowledged by the same invocation");
        assert_eq!(case.end().await, (vec![Success], vec![1]));
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_an_attempt_that_could_not_be_completed_is_unknown_and_followed_by_another() {
    join_all(FAILURES.map(async |fail| {
        let case = Case::start().await;
        fail(case.site.tables.on(COMPLETE));
        let gives_up = async {
            let tried = async || (case.site.tables.calls(COMPLETE) > TRIES).then_some(());
            eventually("a second call", tried).await;
            case.hand.advance(SHORTLY_BEFORE_THE_DEADLINE);
        };
        tokio::join!(case.mappings.deliveries.step(), gives_up);
        case.site.tables.heal();
        case.hand.advance(AFTER_THE_LEASE);
        assert_eq!(case.end().await, (vec![Unknown, Success], vec![1, 2]));
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_37_a_claim_whose_answer_was_lost_is_recognized_and_sent() {
    let case = Case::start().await;
    case.site.tables.on(CLAIM).nth(1).drop_answer();
    case.mappings.deliveries.step().await;
    assert_eq!(case.site.tables.calls(CLAIM), 2);
    assert_eq!(case.site.world.messages_in(DELIVERIES).await, 0, "acknowledged by the same invocation");
    assert_eq!(case.end().await, (vec![Success], vec![1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn row_37_a_claim_that_nobody_knows_of_uses_its_number_up() {
    let case = Case::start().await;
    case.site.tables.on(CLAIM).first(TRIES).drop_answer();
    assert_eq!(case.end().await, (vec![Unknown, Success], vec![2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn row_37_a_completion_whose_answer_was_lost_is_recognized() {
    let case = Case::start().await;
    case.site.tables.on(COMPLETE).nth(1).drop_answer();
    case.mappings.deliveries.step().await;
    assert_eq!(case.site.tables.calls(COMPLETE), 2);
    assert_eq!(case.site.world.messages_in(DELIVERIES).await, 0, "acknowledged by the same invocation");
    assert_eq!(case.end().await, (vec![Success], vec![1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn row_37_a_completion_that_nobody_knows_of_decides_all_the_same() {
    for (operation, attempts) in [(COMPLETE, vec![Success]), (COMPLETE_LATER, vec![HttpError, Success])] {
        let case = Case::start().await;
        let failures = attempts.iter().filter(|outcome| **outcome == HttpError);
        case.site.receiver.answer_next("/a", failures.map(|_| Answer::Status(500)));
        case.site.tables.on(operation).first(TRIES).drop_answer();
        let numbers = (1u8..).take(attempts.len()).collect();
        assert_eq!(case.end().await, (attempts, numbers), "{operation}");
    }
}

/// A resend that arrives is noted in the row of the first delivery, in one transaction.
#[tokio::test(flavor = "multi_thread")]
async fn row_37_a_resend_whose_completion_has_no_answer_or_no_first_delivery_is_delivered_all_the_same() {
    for is_gone in [false, true] {
        let case = Case::start().await;
        let Case { site, hand, mappings, event } = &case;
        site.receiver.answer_next("/a", (0..4).map(|_| Answer::Status(500)));
        mappings.drain(site, hand, 0).await;
        let first = DeliveryId::of(event, &site.destinations.lock().unwrap()["/a"]);
        let resend = format!("/v1/deliveries/{first}/resend");
        let (_, sent) = site.customer.call(Method::POST, &resend, None).await;
        let sent = crate::world::text(&sent["delivery_id"]);
        if is_gone {
            let tables = &site.world.stack.clients.dynamodb;
            let delete =
                tables.delete_item().table_name(&site.world.stack.resources.tables["DeliveryLogTable"]);
            let [pk, sk] = [format!("{}#{event}", site.customer.account_id), format!("{first}#1")];
            let delete = delete.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk));
            delete.send().await.unwrap();
        }
        site.tables.on("TransactWriteItems").nth(1).drop_answer();
        mappings.drain(site, hand, 0).await;
        assert_eq!(site.receiver.received("/a").len(), 5);
        assert_eq!(site.outcomes(&DeliveryId::parse(&*sent).unwrap()).await, [Success]);
        let delivery = site.customer.get(&format!("/v1/deliveries/{sent}")).await;
        assert_eq!(
            (&delivery["status"], &delivery["delivered_later_by"]),
            (&json!("delivered"), &Value::Null)
        );
        if !is_gone {
            let first = site.customer.get(&format!("/v1/deliveries/{first}")).await;
            assert_eq!(first["delivered_later_by"], json!(sent));
        }
    }
}

/// Twenty copies of one message, received by eight workers at once.
#[tokio::test(flavor = "multi_thread")]
async fn row_38_a_storm_of_copies_makes_one_request() {
    let case = Case::start().await;
    let Case { site, mappings, .. } = &case;
    let [body] = &site.world.read(DELIVERIES).await[..] else { panic!("not one message") };
    for _ in 0..20 {
        site.put(DELIVERIES, &body.to_string()).await;
    }
    site.tables.on("BatchGetItem").nth(3).refuse(400, THROTTLED);
    join_all((0..8).map(|_| async {
        let mut mapping = site.mapping(DELIVERIES, &mappings.deliveries.function).await;
        mapping.batch_size = 3;
        mapping.step().await
    }))
    .await;
    assert_eq!(case.end().await, (vec![Success], vec![1]));
}

/// Text that does not compress.
pub(super) fn noise(bytes: usize) -> String {
    let randomness = SeededRandomness::new(1);
    let letters = std::iter::repeat_with(|| char::from(b' ' + u8::try_from(randomness.below(95)).unwrap()));
    letters.filter(|letter| !"\"\\".contains(*letter)).take(bytes).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn row_38_a_record_as_large_as_an_item_can_be_is_delivered_whole_and_a_larger_one_refused() {
    let (site, hand) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch().await).await;
    site.destination("/a").await;
    // An item holds 400 KB; with an alphabet of 95, a letter takes 6.6 of a byte's 8 bits.
    let mut accepted = 0;
    let mut refused = 0;
    for kilobytes in [380, 440, 470, 520] {
        let conversation = format!("c-{kilobytes}");
        let line = noise(kilobytes * 1024);
        let body = json!({"conversation_id": conversation, "conversation_status": "COMPLETED",
            "conversation_transcript": [{"role": "user", "content": line}]});
        let (status, answer) = site.customer.call(Method::POST, "/v1/flows/hangup", Some(&body)).await;
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            refused += 1;
            continue;
        }
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        accepted += 1;
        let event = EventId::parse(crate::world::text(&answer["event_id"])).unwrap();
        let destination = site.destinations.lock().unwrap()["/a"].clone();
        site.expected.lock().unwrap().insert(DeliveryId::of(&event, &destination));
        mappings.drain(&site, &hand, 0).await;
        let request = site.receiver.received("/a").pop().unwrap();
        let payload: Value = serde_json::from_slice(&request.payload.unwrap()).unwrap();
        assert_eq!(payload["conversation_transcript"][0]["content"], line, "{kilobytes} KB");
    }
    assert!(accepted >= 1 && refused >= 1, "{accepted} accepted, {refused} refused");
    site.assert_kept().await;
}

/// DynamoDB takes up to days to remove expired rows. They still exist, but no response shows them.
#[tokio::test(flavor = "multi_thread")]
async fn row_38_rows_past_their_time_are_in_no_answer() {
    let case = Case::start().await;
    let Case { site, hand, mappings, event } = &case;
    mappings.drain(site, hand, 0).await;
    let customer = &site.customer;
    let destination = site.destinations.lock().unwrap()["/a"].clone();
    let delivery = DeliveryId::of(event, &destination);
    let lists = [
        "/v1/deliveries".to_owned(),
        "/v1/deliveries?conversation_id=c-1".to_owned(),
        format!("/v1/deliveries?destination_id={destination}"),
    ];
    let count = async |list: &str| customer.get(list).await["deliveries"].as_array().unwrap().len();
    for list in &lists {
        assert_eq!(count(list).await, 1, "{list}");
    }
    let one = format!("/v1/deliveries/{delivery}");
    customer.get(&one).await;
    site.assert_kept().await;

    hand.advance(Duration::from_secs(31 * 24 * 60 * 60));
    for list in &lists {
        assert_eq!(count(list).await, 0, "{list}");
    }
    assert_eq!(customer.call(Method::GET, &one, None).await.0, StatusCode::NOT_FOUND);
    let resend = customer.call(Method::POST, &format!("{one}/resend"), None).await;
    assert_eq!(resend.0, StatusCode::NOT_FOUND, "{}", resend.1);
    assert_eq!(site.outcomes(&delivery).await, [Success], "the row still exists");
}

/// The table removes expired rows days late. They cost a search nothing.
#[tokio::test(flavor = "multi_thread")]
async fn row_38_a_search_reads_no_rows_past_their_time() {
    let case = Case::start().await;
    let Case { site, hand, mappings, event } = &case;
    mappings.drain(site, hand, 0).await;
    site.assert_kept().await;
    let tables = &site.world.stack.clients.dynamodb;
    let name = &site.world.stack.resources.tables["DeliveryLogTable"];
    let s = |text: String| AttributeValue::S(text);
    let destination = site.destinations.lock().unwrap()["/a"].clone();
    let pk = s(format!("{}#{event}", site.customer.account_id));
    let delivery = DeliveryId::of(event, &destination);
    let sk = s(format!("{delivery}#1"));
    let row = tables.get_item().table_name(name).key("pk", pk).key("sk", sk).send().await.unwrap();
    let row = row.item.unwrap();
    hand.advance(Duration::from_secs(31 * 24 * 60 * 60));
    site.accept("c-2").await;
    mappings.drain(site, hand, 0).await;
    for number in 0..300 {
        let mut row = row.clone();
        row.insert("pk".to_owned(), s(format!("old#{number}")));
        row.insert("position".to_owned(), s(format!("{}#{delivery}", MORNING_MS - number)));
        tables.put_item().table_name(name).set_item(Some(row)).send().await.unwrap();
    }
    let query = site.functions().await["Query"].clone();
    let before = site.tables.calls("Query");
    let mut search: Value =
        serde_json::from_str(include_str!("../../../events/query/list-deliveries.json")).unwrap();
    search["headers"]["x-api-key"] = json!(site.customer.key);
    search["rawQueryString"] = json!("");
    let answer: Value =
        serde_json::from_slice(&query.invoke(search.to_string().into()).await.unwrap()).unwrap();
    let page: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(page["deliveries"].as_array().unwrap().len(), 1, "{page}");
    assert_eq!(site.tables.calls("Query") - before, 32, "one for each partition of the index");
}
