//! An operator and customers use a deployed stack: every task of every function once.

use adapters::system::SystemClock;
use domain::shared::clock::Clock as _;
use local::receiver::{Answer, Signature};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Deployment, PUBLIC_URL, STACK};
use crate::described::send;
use crate::providers::{CALL, DAILY_SECRET, Daily, ROOM, TWILIO_TOKEN, sign_for_twilio};
use crate::world::{Customer, eventually, text};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deployed_delivers_retries_and_logs() {
    let Some(deployment) = Deployment::start().await else { return };
    let customer = deployment.customer("Acme").await;
    // Four attempts take half a minute, so they run beside the rest.
    let broken = deployment.customer("Broken").await;
    broken.add_destination(&deployment.receiver.url("/broken"), "PUT").await;
    deployment.receiver.answer("/broken", Answer::Status(500));
    broken.hang_up("c-broken").await;

    a_delivery_is_signed_and_logged(&deployment, &customer).await;
    tokio::join!(
        a_failure_is_tried_again_after_ten_seconds(&deployment),
        every_flow_ends_a_conversation(&deployment, &customer),
        a_customer_manages_and_sends_again(&deployment),
        what_is_kept_can_be_taken_back(&deployment),
        the_smoke_test_finds_that_it_works(&deployment),
    );
    the_page_is_served(&deployment).await;

    let exhausted = broken.delivery_once("c-broken", "exhausted").await;
    assert_eq!((&exhausted["attempts"], &exhausted["http_status"]), (&json!(4), &json!(500)));
    assert_eq!(deployment.receiver.received("/broken").len(), 4);
    for queue in ["EventsQueueUrl", "DeliveriesQueueUrl", "DeadLettersQueueUrl", "FailedEventsQueueUrl"] {
        eventually(&format!("an empty {queue}"), async || {
            (deployment.messages_in(queue).await == 0).then_some(())
        })
        .await;
    }
    deployment.emulator.stack(&["delete", STACK]).await;
}

async fn a_delivery_is_signed_and_logged(deployment: &Deployment, customer: &Customer) {
    let (_, secret) = customer.add_destination(&deployment.receiver.url("/hooks"), "POST").await;
    deployment.receiver.trust("/hooks", &secret).unwrap();
    customer.hang_up("c-1").await;
    let delivery = customer.delivery_once("c-1", "delivered").await;
    assert_eq!((&delivery["attempts"], &delivery["http_status"]), (&json!(1), &json!(200)), "{delivery}");
    let requests = deployment.receiver.received("/hooks");
    let [request] = &requests[..] else { panic!("{} requests", requests.len()) };
    assert_eq!(request.signature, Signature::Verified);
    assert_eq!(request.event.as_deref(), Some("conversation.completed"));
    let record = customer.get("/v1/public/conversations/c-1").await;
    assert_eq!(record["conversation_status"], "COMPLETED");
    let listed = customer.get("/v1/deliveries").await;
    assert_eq!(listed["deliveries"][0]["id"], delivery["id"], "{listed}");
    let stats = customer.get("/v1/stats?from=2026-01-01T00:00:00Z&to=2100-01-01T00:00:00Z").await;
    assert_eq!(stats["succeeded"], 1, "{stats}");
}

async fn a_failure_is_tried_again_after_ten_seconds(deployment: &Deployment) {
    let customer = deployment.customer("Flaky").await;
    customer.add_destination(&deployment.receiver.url("/flaky"), "PATCH").await;
    deployment.receiver.answer_next("/flaky", [Answer::Status(503)]);
    customer.hang_up("c-2").await;
    let delivery = customer.delivery_once("c-2", "delivered").await;
    assert_eq!(delivery["attempts"], 2, "{delivery}");
    let requests = deployment.receiver.received("/flaky");
    let [first, second] = &requests[..] else { panic!("{} requests", requests.len()) };
    assert_eq!(first.payload, second.payload);
    // The emulator polls once a second, and the machine adds delays.
    assert!((9.8..15.0).contains(&(second.at - first.at).as_secs_f64()), "{:?}", second.at - first.at);
}

/// Ends conversations through Twilio, Daily, the bus and the schedule.
async fn every_flow_ends_a_conversation(deployment: &Deployment, customer: &Customer) {
    let account = &customer.account_id;
    customer.set_provider("twilio", TWILIO_TOKEN).await;
    customer.put_conversation("c-twilio", &json!({"twilio_call_sid": CALL})).await;
    let path = format!("/v1/flows/twilio/{account}");
    let pairs = [("CallSid", CALL), ("CallStatus", "completed"), ("CallDuration", "7")];
    let signature = sign_for_twilio(TWILIO_TOKEN, &format!("{PUBLIC_URL}{path}"), &pairs);
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let callback = deployment.http.post(deployment.url(&path)).header("x-twilio-signature", signature);
    let callback = callback.header("content-type", "application/x-www-form-urlencoded").body(form);
    assert_eq!(send(callback).await.0, StatusCode::OK);

    // The callback comes first and waits for its conversation.
    customer.set_provider("daily", DAILY_SECRET).await;
    let url = deployment.url(&format!("/v1/flows/daily/{account}"));
    let (secret, http) = (DAILY_SECRET.to_owned(), deployment.http.clone());
    let daily = Daily { secret, url, http, now: SystemClock.now().as_secs() };
    assert_eq!(daily.call("meeting.ended").await.0, StatusCode::OK);
    customer.put_conversation("c-daily", &json!({"daily_room": ROOM})).await;

    deployment
        .put_event(
            &json!({"account_id": account, "conversation_id": "c-bus", "conversation_status": "FAILED"}),
        )
        .await;
    customer.put_conversation("c-late", &json!({"expected_end": "2100-01-01T00:00:00Z"})).await;
    deployment.make_overdue(account, "c-late").await;

    for (conversation, event) in [
        ("c-twilio", "conversation.completed"),
        ("c-daily", "conversation.disconnected"),
        ("c-bus", "conversation.failed"),
        ("c-late", "conversation.failed"),
    ] {
        let delivery = customer.delivery_once(conversation, "delivered").await;
        assert_eq!(delivery["event"], event, "{delivery}");
    }
}

async fn a_customer_manages_and_sends_again(deployment: &Deployment) {
    let customer = deployment.customer("Manager").await;
    let (destination, _) = customer.add_destination(&deployment.receiver.url("/managed"), "GET").await;
    let path = |rest: &str| format!("/v1/destinations/{destination}{rest}");
    let post = async |path: &str, body: Value| {
        let (status, answer) = customer.call(Method::POST, path, Some(&body)).await;
        assert!(status.is_success(), "{path}: {answer}");
        answer
    };
    let secret = text(&post(&path("/secret/rotate"), json!({"grace_hours": 1})).await["secret"]);
    deployment.receiver.trust("/managed", &secret).unwrap();
    let tested = post(&path("/test"), json!({})).await;
    deployment.receiver.wait_for("/managed", 1).await;
    assert_eq!(deployment.receiver.received("/managed")[0].signature, Signature::Verified, "{tested}");

    customer.change_destination(&destination, &json!({"status": "disabled"})).await;
    customer.hang_up("c-3").await;
    let skipped = customer.delivery_once("c-3", "skipped").await;
    customer.change_destination(&destination, &json!({"status": "enabled"})).await;
    let started = post(&path("/recover"), json!({"since": "2026-01-01T00:00:00Z"})).await;
    assert_eq!(customer.recovered((StatusCode::ACCEPTED, started)).await, [1, 1, 0]);
    deployment.receiver.wait_for("/managed", 2).await;
    post(&format!("/v1/deliveries/{}/resend", text(&skipped["id"])), json!({})).await;
    deployment.receiver.wait_for("/managed", 3).await;
    let shown = customer.get(&format!("/v1/deliveries/{}", text(&skipped["id"]))).await;
    assert!(shown["payload"].is_string() || shown["payload"].is_object(), "{shown}");

    customer.set_provider("daily", DAILY_SECRET).await;
    assert_eq!(customer.get("/v1/providers").await["providers"][0]["provider"], "daily");
    for gone in ["/v1/providers/daily".to_owned(), path("")] {
        let (status, body) = customer.call(Method::DELETE, &gone, None).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{gone}: {body}");
    }
    assert_eq!(customer.get("/v1/destinations").await["destinations"], json!([]));
}

/// Deletes a conversation, revokes a key, and deletes the account.
async fn what_is_kept_can_be_taken_back(deployment: &Deployment) {
    let customer = deployment.customer("Gone").await;
    customer.add_destination(&deployment.receiver.url("/gone"), "POST").await;
    customer.put_conversation("c-4", &json!({"daily_room": "gone"})).await;
    customer.hang_up("c-4").await;
    customer.delivery_once("c-4", "delivered").await;
    let (status, body) = customer.call(Method::DELETE, "/v1/conversations/c-4", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
    assert_eq!(customer.deliveries_of("c-4").await, Vec::<Value>::new());

    let account = json!({"account_id": customer.account_id});
    let keys = deployment.invoke(&json!({ "list_api_keys": account })).await;
    assert!(keys["api_keys"][0]["last_used_at"].is_string(), "{keys}");
    let key = json!({"account_id": customer.account_id, "key_id": customer.key_id()});
    deployment.invoke(&json!({ "revoke_api_key": key })).await;
    let (status, body) = customer.call(Method::GET, "/v1/destinations", None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");

    deployment.invoke(&json!({ "delete_account": account })).await;
    eventually("the purge's first rows", async || {
        let shown = deployment.invoke(&json!({ "show_account": account })).await;
        shown["rows_deleted"].as_u64().filter(|rows| *rows > 0)
    })
    .await;
}

async fn the_page_is_served(deployment: &Deployment) {
    let page = deployment.http.get(deployment.url("/")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.unwrap();
    let (_, rest) = page.split_once("src=\"").unwrap();
    let (module, _) = rest.split_once('"').unwrap();
    let module = deployment.http.get(deployment.url(module)).send().await.unwrap();
    assert!(module.headers()["content-type"].to_str().unwrap().contains("javascript"));
}

/// The command with which an operator sees whether a deployment works.
async fn the_smoke_test_finds_that_it_works(deployment: &Deployment) {
    let receiver = deployment.receiver.url("/smoke");
    let printed = deployment.emulator.stack(&["smoke", STACK, &receiver]).await;
    assert!(printed.ends_with("ringback works\n"), "{printed}");
    assert_eq!(deployment.receiver.received("/smoke").len(), 1);
}
