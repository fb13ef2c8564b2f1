//! Recoveries: what failed and what is missing is sent at a rate that a receiver can take, once each.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use local::clock::ClockControl;
use local::receiver::Answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{Customer, World, eventually, text};

const THOUSAND: usize = 1_000;
const ALL: u64 = THOUSAND as u64;

/// Conversations that end at once.
const CONCURRENCY: usize = 16;

/// The most requests that the receiver allows in any second.
const ALLOWED: usize = 50;

struct Scene {
    world: World,
    hand: ClockControl,
    customer: Customer,
}

impl Scene {
    async fn set() -> Self {
        let (world, hand) = World::by_hand().await;
        let customer = world.customer("Acme").await;
        Self { world, hand, customer }
    }

    async fn add(&self, path: &str) -> String {
        self.customer.add_destination(&self.world.stack.receiver.url(path), "POST").await.0
    }

    /// Ends conversations with these notes.
    async fn hang_up(&self, numbers: std::ops::Range<usize>, notes: &str) {
        let ends = numbers.map(|number| async move {
            let ended = json!({"conversation_id": format!("c-{number}"), "conversation_status": "COMPLETED", "notes": notes});
            let (status, answer) = self.customer.call(Method::POST, "/v1/flows/hangup", Some(&ended)).await;
            assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        });
        stream::iter(ends).buffer_unordered(CONCURRENCY).collect::<Vec<_>>().await;
    }

    fn received(&self, path: &str) -> Vec<local::receiver::Received> {
        self.world.stack.receiver.received(path)
    }

    /// A destination whose first deliveries are all exhausted: they do not fit into the URL of a GET. Then it gets POST.
    async fn exhausted(&self, path: &str, count: usize) -> String {
        let url = self.world.stack.receiver.url(path);
        let (destination, _) = self.customer.add_destination(&url, "GET").await;
        self.hang_up(0..count, &"x".repeat(8_000)).await;
        eventually("every attempt", async || {
            let stats =
                self.customer.get("/v1/stats?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z").await;
            (stats["failed"] == count).then_some(())
        })
        .await;
        self.world.quiet().await;
        self.customer.change_destination(&destination, &json!({"request_type": "POST"})).await;
        destination
    }

    async fn start(&self, body: &Value) -> String {
        let (status, started) = self.customer.recover(body).await;
        assert_eq!((status, &started["state"]), (StatusCode::ACCEPTED, &json!("finding")), "{started}");
        text(&started["id"])
    }

    async fn shown(&self, id: &str) -> Value {
        self.customer.get(&format!("/v1/recoveries/{id}")).await
    }

    /// Moves the clock second by second until a recovery is over; returns how it looked each second.
    async fn until_over(&self, id: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        loop {
            self.world.at_rest().await;
            let shown = self.shown(id).await;
            seen.push(shown.clone());
            if ["done", "stopped"].contains(&shown["state"].as_str().unwrap()) {
                return seen;
            }
            assert!(seen.len() < 1_000, "{shown}");
            self.hand.advance(Duration::from_secs(1));
        }
    }
}

fn counts(shown: &Value) -> [u64; 4] {
    ["found", "queued", "delivered", "failed"].map(|name| shown[name].as_u64().unwrap())
}

fn ids(requests: &[local::receiver::Received]) -> BTreeSet<String> {
    requests.iter().map(|one| one.headers["webhook-id"].to_str().unwrap().to_owned()).collect()
}

/// Asserts that the receiver, which counts the requests of each second, refuses none.
fn none_is_refused(requests: &[local::receiver::Received]) {
    let mut at: Vec<_> = requests.iter().map(|one| one.at_ms).collect();
    at.sort_unstable();
    let crowded = at.windows(ALLOWED + 1).find(|some| some[ALLOWED] - some[0] < 1_000);
    assert_eq!(crowded, None, "more than {ALLOWED} requests in a second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_failures_are_recovered_at_a_rate_that_the_receiver_takes() {
    let scene = Scene::set().await;
    let destination = scene.exhausted("/hooks", THOUSAND).await;
    let all = json!({"destination_id": destination, "since": "2026-09-01T00:00:00Z"});
    let mut dry_run = all.clone();
    dry_run["dry_run"] = json!(true);
    let counted = scene.start(&dry_run).await;
    assert_eq!(counts(scene.until_over(&counted).await.last().unwrap()), [ALL, 0, 0, 0]);

    let id = scene.start(&all).await;
    let seen = scene.until_over(&id).await;
    assert_eq!(counts(seen.last().unwrap()), [ALL, ALL, ALL, 0]);
    let requests = scene.received("/hooks");
    assert_eq!((requests.len(), ids(&requests).len()), (THOUSAND, THOUSAND));
    none_is_refused(&requests);
    // Ten a second: a hundred seconds. Each of the four numbers only grows, and what was delivered is told meanwhile.
    assert!((THOUSAND / 10..THOUSAND / 7).contains(&seen.len()), "{}", seen.len());
    for pair in seen.windows(2) {
        let [earlier, later] = [counts(&pair[0]), counts(&pair[1])];
        assert!(earlier.iter().zip(later).all(|(earlier, later)| *earlier <= later), "{pair:?}");
    }
    let halfway = counts(&seen[seen.len() / 2]);
    assert!((ALL / 3..ALL).contains(&halfway[1]) && halfway[2] + 100 >= halfway[1], "{halfway:?}");

    let again = scene.start(&all).await;
    assert_eq!(counts(scene.until_over(&again).await.last().unwrap()), [0, 0, 0, 0]);
    assert_eq!(scene.received("/hooks").len(), THOUSAND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_made_today_gets_last_weeks_events_once_each() {
    let scene = Scene::set().await;
    scene.hang_up(0..THOUSAND / 2, "").await;
    scene.world.quiet().await;
    scene.add("/old").await;
    scene.hang_up(THOUSAND / 2..THOUSAND, "").await;
    scene.world.quiet().await;
    scene.hand.advance(Duration::from_secs(7 * 24 * 60 * 60));
    let new = scene.add("/new").await;
    let missing = json!({"destination_id": new, "since": "2026-09-01T00:00:00Z", "include": ["missing"], "per_second": 40});
    let id = scene.start(&missing).await;
    assert_eq!(counts(scene.until_over(&id).await.last().unwrap()), [ALL, ALL, ALL, 0]);
    let requests = scene.received("/new");
    assert_eq!((requests.len(), ids(&requests).len()), (THOUSAND, THOUSAND));
    assert_eq!(scene.received("/old").len(), THOUSAND / 2, "the other one gets nothing");
    let again = scene.start(&missing).await;
    assert_eq!(counts(scene.until_over(&again).await.last().unwrap()), [0, 0, 0, 0]);
    // The list of events shows each once, with its deliveries.
    let events = scene.customer.get("/v1/events?limit=100").await;
    let events = events["events"].as_array().unwrap().clone();
    let distinct: BTreeSet<_> = events.iter().map(|event| text(&event["id"])).collect();
    assert_eq!((events.len(), distinct.len()), (100, 100));
    let deliveries = |event: &Value| event["deliveries"].as_array().unwrap().len();
    assert!(events.iter().all(|event| (1..=2).contains(&deliveries(event))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_looks_for_what_its_caller_names() {
    let scene = Scene::set().await;
    let destination = scene.exhausted("/hooks", 2).await;
    scene.hand.advance(Duration::from_secs(40));
    scene.customer.change_destination(&destination, &json!({"status": "disabled"})).await;
    scene.customer.hang_up("c-skipped").await;
    scene.customer.delivery_once("c-skipped", "skipped").await;
    let since = "2026-09-01T00:00:00Z";
    let found = async |more: Value| {
        let mut body = json!({"destination_id": destination, "since": since, "dry_run": true});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let id = scene.start(&body).await;
        counts(scene.until_over(&id).await.last().unwrap())[0]
    };
    scene.hand.advance(Duration::from_secs(1));
    assert_eq!(found(json!({})).await, 3, "a dry run asks what a disabled destination has missed");
    assert_eq!(found(json!({"status": "skipped"})).await, 1);
    assert_eq!(found(json!({"event": "conversation.failed"})).await, 0);
    assert_eq!(found(json!({"until": "2026-09-01T10:00:01Z"})).await, 2);
    assert_eq!(found(json!({"since": "2026-09-01T10:00:01Z"})).await, 1);

    let body = json!({"destination_id": destination, "since": since});
    let (status, problem) = scene.customer.recover(&body).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("disabled")));
    let (status, _) = scene.customer.recover(&json!({"destination_id": "dst_0", "since": since})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    // Without a destination, those that are enabled.
    let id = scene.start(&json!({"since": since, "include": ["failed", "missing"]})).await;
    assert_eq!(counts(scene.until_over(&id).await.last().unwrap()), [0, 0, 0, 0]);
    scene.add("/new").await;
    let id = scene.start(&json!({"since": since, "include": ["failed", "missing"]})).await;
    assert_eq!(counts(scene.until_over(&id).await.last().unwrap()), [3, 3, 3, 0]);
    assert_eq!(scene.received("/new").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_that_is_stopped_sends_no_more_and_one_that_fails_says_so() {
    let scene = Scene::set().await;
    scene.exhausted("/hooks", 30).await;
    let since = json!({"since": "2026-09-01T00:00:00Z", "per_second": 2});
    let id = scene.start(&since).await;
    scene.world.at_rest().await;
    let path = format!("/v1/recoveries/{id}");
    for _ in 0..2 {
        assert_eq!(scene.customer.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    }
    let stopped = scene.shown(&id).await;
    assert_eq!((&stopped["state"], counts(&stopped)), (&json!("stopped"), [30, 10, 0, 0]));
    for _ in 0..10 {
        scene.hand.advance(Duration::from_secs(1));
        scene.world.at_rest().await;
    }
    assert_eq!(scene.received("/hooks").len(), 10, "what was queued within five seconds");
    assert_eq!(scene.shown(&id).await, stopped);

    // The rest, of which none succeeds.
    scene.world.stack.receiver.answer("/hooks", Answer::Status(500));
    let id = scene.start(&json!({"since": "2026-09-01T00:00:00Z", "per_second": 100})).await;
    let over = eventually("the end", async || {
        scene.hand.advance(Duration::from_secs(1));
        let shown = scene.shown(&id).await;
        (shown["state"] == "done").then_some(shown)
    })
    .await;
    assert_eq!(counts(&over), [20, 20, 0, 20]);
    let id = scene.start(&json!({"since": "2026-09-01T00:00:00Z", "dry_run": true})).await;
    assert_eq!(counts(scene.until_over(&id).await.last().unwrap()), [20, 0, 0, 0], "they can be recovered");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_sent_to_one_destination_or_to_all_that_want_it() {
    let scene = Scene::set().await;
    let first = scene.add("/first").await;
    let event = scene.customer.hang_up("c-1").await;
    scene.customer.delivery_once("c-1", "delivered").await;
    let new = scene.add("/new").await;
    let disabled = scene.add("/disabled").await;
    scene.customer.change_destination(&disabled, &json!({"status": "disabled"})).await;
    let unwilling = scene.add("/unwilling").await;
    scene.customer.change_destination(&unwilling, &json!({"events": ["conversation.failed"]})).await;
    let send = async |event: &str, body: Value| {
        scene.customer.call(Method::POST, &format!("/v1/events/{event}/send"), Some(&body)).await
    };
    let to = |(status, sent): (StatusCode, Value)| {
        assert_eq!(status, StatusCode::ACCEPTED, "{sent}");
        assert_eq!((&sent["event_id"], &sent["conversation_id"]), (&json!(event), &json!("c-1")));
        let deliveries = sent["deliveries"].as_array().unwrap().clone();
        deliveries.iter().map(|one| text(&one["destination_id"])).collect::<BTreeSet<_>>()
    };
    assert_eq!(to(send(&event, json!({"destination_id": new})).await), BTreeSet::from([new.clone()]));
    scene.world.stack.receiver.wait_for("/new", 1).await;
    scene.world.quiet().await;
    assert_eq!(to(send(&event, json!({})).await), BTreeSet::from([first.clone(), new.clone()]));
    scene.world.stack.receiver.wait_for("/new", 2).await;
    scene.world.stack.receiver.wait_for("/first", 2).await;
    assert_eq!(to(send(&event, json!({"destination_id": unwilling})).await), BTreeSet::from([unwilling]));
    let received = scene.world.stack.receiver.wait_for("/unwilling", 1).await;
    assert_eq!(received[0].headers["webhook-id"], event.as_str());
    scene.world.quiet().await;
    let shown = scene.customer.get(&format!("/v1/events/{event}")).await;
    let mut triggers: Vec<_> =
        shown["deliveries"].as_array().unwrap().iter().map(|one| text(&one["trigger"])).collect();
    triggers.sort_unstable();
    assert_eq!(triggers, ["lifecycle", "resend", "resend", "resend", "resend"]);

    let code = |(status, problem): (StatusCode, Value)| (status, text(&problem["code"]));
    let not_found = (StatusCode::NOT_FOUND, "not_found".to_owned());
    assert_eq!(code(send("evt_none", json!({})).await), not_found);
    assert_eq!(code(send(&event, json!({"destination_id": "dst_none"})).await), not_found);
    let refused = send(&event, json!({"destination_id": disabled})).await;
    assert_eq!(code(refused), (StatusCode::CONFLICT, "disabled".to_owned()));
    // The next attempt is soon.
    scene.world.stack.receiver.answer("/first", Answer::Status(500));
    assert_eq!(to(send(&event, json!({"destination_id": first})).await), BTreeSet::from([first.clone()]));
    scene.world.stack.receiver.wait_for("/first", 3).await;
    eventually("a refusal", async || {
        let refused = send(&event, json!({"destination_id": first})).await;
        (refused.0 == StatusCode::CONFLICT).then(|| assert_eq!(refused.1["code"], "under_way"))
    })
    .await;
    assert_eq!(to(send(&event, json!({})).await), BTreeSet::from([new]));
}
