//! The health of destinations, and the notices of it.

use std::time::Duration;

use adapters::dynamodb::DestinationTable;
use domain::delivery::schedule::RETRY_AFTER;
use domain::destination::health::{End, EndResult, Health};
use domain::destination::store::{Destinations, HealthStore, SavedHealth};
use domain::shared::ids::{AccountId, DeliveryId, DestinationId};
use local::clock::ClockControl;
use local::receiver::Answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::described;
use crate::wire::fields;
use crate::world::{Customer, World, eventually, text};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A customer with a destination and a pager.
struct Scene {
    world: World,
    hand: ClockControl,
    customer: Customer,
    crm: String,
    pager: Webhook,
}

impl Scene {
    async fn set(parameters: &[(&str, &str)], retry: &str) -> Self {
        let (world, hand) = World::by_hand_as(parameters).await;
        let customer = world.customer("Acme").await;
        let add = async |fields: Value| {
            let (status, made) = customer.call(Method::POST, "/v1/destinations", Some(&fields)).await;
            assert_eq!(status, StatusCode::CREATED, "{made}");
            made
        };
        let receiver = &world.stack.receiver;
        let crm = add(json!({"name": "CRM", "url": receiver.url("/crm"), "retry": retry})).await;
        let notices = ["destination.failing", "destination.recovered", "destination.disabled"];
        let pager = add(
            json!({"name": "Pager", "url": receiver.url("/pager"), "events": notices, "agent_ids": ["a"]}),
        )
        .await;
        assert_eq!(crm["health"]["state"], "healthy");
        assert_eq!(crm["events"].as_array().unwrap().len(), 3, "no notices unless they are named");
        let pager = Webhook::new(&text(&pager["secret"])).unwrap();
        Self { crm: text(&crm["id"]), world, hand, customer, pager }
    }

    fn answers(&self, status: u16) {
        self.world.stack.receiver.answer("/crm", Answer::Status(status));
    }

    /// Ends a conversation and waits until its delivery has this status.
    async fn end(&self, conversation: &str, status: &str) -> Value {
        self.customer.hang_up(conversation).await;
        for attempts in 1..=4 {
            let is_further = |delivery: &Value| {
                let log = delivery["attempt_log"].as_array().unwrap();
                let ended = log.iter().filter(|attempt| !attempt["outcome"].is_null()).count();
                delivery["status"] == status || ended == attempts
            };
            let delivery = self.customer.delivery(conversation, "further on", is_further).await;
            if delivery["status"] == status {
                return delivery;
            }
            self.world.advance(&self.hand, RETRY_AFTER).await;
        }
        panic!("{conversation} is not {status}")
    }

    async fn destination(&self) -> Value {
        self.customer.get(&format!("/v1/destinations/{}", self.crm)).await
    }

    async fn health(&self, state: &str) -> Value {
        eventually(&format!("a destination that is {state}"), async || {
            let health = self.destination().await["health"].clone();
            (health["state"] == state).then_some(health)
        })
        .await
    }

    /// Waits for so many notices at the pager; returns the last.
    async fn notice(&self, count: usize) -> Value {
        self.hand.advance(Duration::from_secs(3));
        let requests = self.world.stack.receiver.wait_for("/pager", count).await;
        let request = requests.last().unwrap();
        let fields = fields(request).await;
        // By the clock of the test it is not now, so that `verify` would refuse it.
        let header = |name: &str| request.headers[name].to_str().unwrap();
        let at = header("webhook-timestamp").parse().unwrap();
        let signature = self.pager.sign(header("webhook-id"), at, &fields["payload"]).unwrap();
        assert_eq!(header("webhook-signature"), signature);
        let payload: Value = serde_json::from_slice(&fields["payload"]).unwrap();
        let schema = json!({"$ref": "#/components/schemas/Notice"});
        assert_eq!(described::fits(&schema, &payload), Ok(()), "{payload}");
        assert_eq!(payload["id"], request.headers["webhook-id"].to_str().unwrap());
        assert_eq!(payload["event"].as_str().unwrap().as_bytes(), fields["event"]);
        assert_eq!((&payload["destination_id"], &payload["name"]), (&json!(self.crm), &json!("CRM")));
        payload
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_failures_and_the_next_success_are_told_to_a_pager_signed_and_once() {
    let scene = Scene::set(&[], "standard").await;
    scene.answers(500);
    for number in 1..=5 {
        let state = scene.destination().await["health"]["state"].clone();
        assert_eq!(state, "healthy", "{number}");
        scene.end(&format!("c-{number}"), "exhausted").await;
    }
    let health = scene.health("failing").await;
    assert_eq!(health["consecutive_failures"], 5);
    assert!(health["last_success_at"].is_null(), "{health}");
    let failing = scene.notice(1).await;
    assert_eq!((&failing["event"], &failing["state"]), (&json!("destination.failing"), &json!("failing")));
    assert_eq!((&failing["since"], &failing["last_outcome"]), (&health["since"], &json!("http_error")));

    scene.answers(200);
    scene.end("c-6", "delivered").await;
    let health = scene.health("healthy").await;
    assert_eq!(health["consecutive_failures"], 0);
    let recovered = scene.notice(2).await;
    assert_eq!(
        (&recovered["event"], &recovered["consecutive_failures"]),
        (&json!("destination.recovered"), &json!(5))
    );
    assert_eq!(recovered["since"], health["last_success_at"]);
    scene.world.quiet().await;
    assert_eq!(scene.world.stack.receiver.received("/pager").len(), 2);

    // In the logs, a notice is like any event, without a conversation.
    let page = scene.customer.get("/v1/deliveries?event=destination.failing").await;
    let [delivery] = &page["deliveries"].as_array().unwrap()[..] else { panic!("{page}") };
    assert_eq!((&delivery["status"], &delivery["conversation_id"]), (&json!("delivered"), &Value::Null));
    let events = scene.customer.get("/v1/events?event=destination.failing").await;
    assert_eq!(events["events"][0]["id"], failing["id"]);
    assert!(events["events"][0]["conversation_id"].is_null(), "{events}");
    let event = scene.customer.get(&format!("/v1/events/{}", text(&failing["id"]))).await;
    assert_eq!(serde_json::from_str::<Value>(&text(&event["payload"])).unwrap(), failing);
    let resend = format!("/v1/deliveries/{}/resend", text(&delivery["id"]));
    let (status, sent) =
        scene.customer.call(Method::POST, &resend, Some(&json!({"payload": "latest"}))).await;
    assert_eq!((status, &sent["conversation_id"]), (StatusCode::ACCEPTED, &Value::Null), "{sent}");
    assert_eq!(scene.notice(3).await, failing);
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_disables_a_destination_with_extended_retries_and_enabling_it_begins_anew() {
    let scene = Scene::set(&[], "extended").await;
    scene.answers(410);
    let delivery = scene.end("c-1", "exhausted").await;
    assert_eq!(delivery["attempts"], 1);
    let health = scene.health("disabled").await;
    assert_eq!(health["reason"], "It answered 410 Gone.");
    assert_eq!(scene.destination().await["status"], "disabled");
    let disabled = scene.notice(1).await;
    assert_eq!((&disabled["event"], &disabled["since"]), (&json!("destination.disabled"), &health["since"]));
    scene.end("c-2", "skipped").await;

    let listed = scene.customer.get("/v1/destinations").await;
    let listed = listed["destinations"].as_array().unwrap();
    let listed = listed.iter().find(|destination| destination["id"] == scene.crm).unwrap();
    assert_eq!(listed["health"], scene.destination().await["health"]);
    let enabled = scene.customer.change_destination(&scene.crm, &json!({"status": "enabled"})).await;
    assert_eq!((&enabled["status"], &enabled["health"]["state"]), (&json!("enabled"), &json!("healthy")));
    assert!(enabled["health"]["reason"].is_null());
    scene.answers(200);
    scene.end("c-3", "delivered").await;
    // By its owner's hand, without a notice.
    let switched = scene.customer.change_destination(&scene.crm, &json!({"status": "disabled"})).await;
    assert_eq!(switched["health"]["state"], "disabled");
    scene.world.quiet().await;
    assert_eq!(scene.world.stack.receiver.received("/pager").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_failures_for_the_hours_that_the_operator_sets_disables_a_destination() {
    let scene = Scene::set(&[("DisableAfterHours", "2")], "standard").await;
    scene.answers(503);
    for number in 1..=5 {
        scene.end(&format!("c-{number}"), "exhausted").await;
    }
    scene.notice(1).await;
    scene.world.quiet().await;
    scene.hand.advance(HOUR);
    scene.end("c-6", "exhausted").await;
    scene.world.quiet().await;
    scene.health("failing").await;
    scene.hand.advance(HOUR);
    scene.end("c-7", "exhausted").await;
    let health = scene.health("disabled").await;
    assert_eq!(health["reason"], "Every delivery has failed for 2 hours.");
    let disabled = scene.notice(2).await;
    assert_eq!(disabled["consecutive_failures"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_event_is_no_notice_and_tests_do_not_count() {
    let scene = Scene::set(&[], "standard").await;
    let path = format!("/v1/destinations/{}/test", scene.crm);
    let (status, problem) =
        scene.customer.call(Method::POST, &path, Some(&json!({"event": "destination.failing"}))).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("event")));
    scene.answers(410);
    let (status, _) = scene.customer.call(Method::POST, &path, None).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    scene.world.stack.receiver.wait_for("/crm", 1).await;
    let health = scene.destination().await["health"].clone();
    assert_eq!((&health["state"], &health["last_failure_at"]), (&json!("healthy"), &Value::Null));
}

/// As the fake does, which the simulation relies on.
#[tokio::test(flavor = "multi_thread")]
async fn the_table_stores_health_and_status_both_or_neither() {
    let scene = Scene::set(&[], "extended").await;
    let stack = &scene.world.stack;
    let name = stack.resources.tables["DestinationsTable"].clone();
    let table = DestinationTable::new(stack.clients.dynamodb.clone(), name);
    let account = AccountId::parse(scene.customer.account_id.as_str()).unwrap();
    let id = DestinationId::parse(scene.crm.as_str()).unwrap();
    let destination = table.get(&account, &id).await.unwrap().unwrap();
    let health = table.health(&account, &id).await.unwrap().unwrap();
    assert_eq!(health, Health::new(destination.created_at).next_version());

    assert_eq!(table.save_health(&destination, &health).await.unwrap(), SavedHealth::Yes);
    // A conflict is waited out, for which there is no time outside an invocation.
    assert!(table.save_health(&destination, &health).await.is_err(), "an old version");
    let health = table.health(&account, &id).await.unwrap().unwrap();
    let gone = End {
        delivery: DeliveryId::parse("dlv_1").unwrap(),
        at: destination.created_at,
        outcome: "http_error",
        result: EndResult::Gone,
    };
    let gone = health.after(&[gone], None);

    scene.customer.change_destination(&scene.crm, &json!({"name": "CRM 2"})).await;
    assert_eq!(table.save_health(&destination, &gone).await.unwrap(), SavedHealth::Changed);
    assert_eq!(table.health(&account, &id).await.unwrap().unwrap(), health);
    let destination = table.get(&account, &id).await.unwrap().unwrap();
    let later = gone.clone().next_version();
    assert_eq!(table.save_health(&destination, &later).await.unwrap(), SavedHealth::Conflict);
    assert!(table.get(&account, &id).await.unwrap().unwrap().is_active());
    assert_eq!(table.save_health(&destination, &gone).await.unwrap(), SavedHealth::Yes);
    assert!(!table.get(&account, &id).await.unwrap().unwrap().is_active());

    let path = format!("/v1/destinations/{}", scene.crm);
    let (status, _) = scene.customer.call(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let gone = gone.next_version();
    assert_eq!(table.health(&account, &id).await.unwrap(), None);
    assert_eq!(table.save_health(&destination, &gone).await.unwrap(), SavedHealth::Changed);
}
