//! The list of events: by their deliveries, and those that no destination wanted.

use local::receiver::Answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{Customer, World, eventually, text};

impl Customer {
    /// The pages of a list of events, each of at most `limit`.
    async fn pages(&self, query: &str, limit: usize) -> Vec<Vec<Value>> {
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/events?limit={limit}{query}{cursor}")).await;
            pages.push(page["events"].as_array().unwrap().clone());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return pages,
            }
        }
    }

    /// The conversations of a list of events, newest first.
    async fn listed(&self, query: &str, limit: usize) -> Vec<String> {
        let pages = self.pages(query, limit).await;
        pages.iter().flatten().map(|event| text(&event["conversation_id"])).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_once_each_with_the_deliveries_that_they_left_with() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    let mut events = Vec::new();
    for (conversation, destinations) in [("unwanted", 0), ("one", 1), ("three", 2)] {
        for number in 0..destinations {
            let url = world.stack.receiver.url(&format!("/{conversation}/{number}"));
            customer.add_destination(&url, "POST").await;
        }
        events.push(customer.hang_up(conversation).await);
        world.quiet().await;
        hand.advance(std::time::Duration::from_secs(1));
    }
    let all = async || {
        let listed = customer.listed("", 50).await;
        (listed.len() == 3).then_some(listed)
    };
    assert_eq!(eventually("three events", all).await, ["three", "one", "unwanted"]);
    for limit in 1..=3 {
        assert_eq!(customer.listed("", limit).await, ["three", "one", "unwanted"], "pages of {limit}");
    }
    let deliveries: Vec<_> = customer.pages("", 3).await[0]
        .iter()
        .map(|event| event["deliveries"].as_array().unwrap().len())
        .collect();
    assert_eq!(deliveries, [3, 1, 0]);

    // Filters, and what they refuse.
    assert_eq!(customer.listed("&event=conversation.failed", 50).await, Vec::<String>::new());
    let second = text(&customer.get(&format!("/v1/events/{}", events[1])).await["created_at"]);
    assert_eq!(customer.listed(&format!("&from={second}"), 50).await, ["three", "one"]);
    assert_eq!(
        customer.listed(&format!("&to={second}&event=conversation.completed"), 50).await,
        ["unwanted"]
    );
    let (status, problem) = customer.call(Method::GET, "/v1/events?status=delivered", None).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("status"))
    );

    // A resend is part of the event, and of no list.
    let delivery = text(&customer.deliveries_of("one").await[0]["id"]);
    let resend = format!("/v1/deliveries/{delivery}/resend");
    for payload in ["original", "latest"] {
        customer.call(Method::POST, &resend, Some(&json!({"payload": payload}))).await;
    }
    world.quiet().await;
    let event = customer.get(&format!("/v1/events/{}", events[1])).await;
    assert_eq!(event["deliveries"].as_array().unwrap().len(), 3);
    let payload: Value = serde_json::from_str(event["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload["conversation_id"], "one");
    assert_eq!(customer.listed("", 50).await, ["three", "one", "unwanted"]);

    // Neither is the resend of a test.
    let destination = text(&customer.deliveries_of("one").await[0]["destination_id"]);
    hand.advance(std::time::Duration::from_secs(1));
    let path = format!("/v1/destinations/{destination}/test");
    let (_, test) = customer.call(Method::POST, &path, None).await;
    world.quiet().await;
    hand.advance(std::time::Duration::from_secs(1));
    let path = format!("/v1/deliveries/{}/resend", text(&test["delivery_id"]));
    assert_eq!(customer.call(Method::POST, &path, None).await.0, StatusCode::ACCEPTED);
    world.quiet().await;
    let tested = customer.listed("", 50).await;
    assert_eq!(tested[1..], ["three", "one", "unwanted"]);

    // A cursor is good for its own list.
    let cursor = text(&customer.get("/v1/deliveries?limit=1").await["next_cursor"]);
    let (status, _) = customer.call(Method::GET, &format!("/v1/events?cursor={cursor}"), None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    // Another account's, and those of deleted conversations, are not there.
    let other = world.customer("Other").await;
    assert_eq!(other.listed("", 50).await, Vec::<String>::new());
    for event in &events {
        let (status, _) = other.call(Method::GET, &format!("/v1/events/{event}"), None).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    for conversation in ["unwanted", "three"] {
        customer.call(Method::DELETE, &format!("/v1/conversations/{conversation}"), None).await;
    }
    assert_eq!(customer.listed("", 50).await[1..], ["one"]);
}

/// A destination with few deliveries beside one with many.
#[tokio::test(flavor = "multi_thread")]
async fn the_deliveries_of_a_quiet_destination_are_read_without_those_of_busy_ones() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let mut ids = Vec::new();
    for number in 0..8 {
        let url = world.stack.receiver.url(&format!("/{number}"));
        ids.push(customer.add_destination(&url, "POST").await.0);
    }
    let quiet = ids.pop().unwrap();
    customer.change_destination(&quiet, &json!({"events": ["conversation.failed"]})).await;
    for number in 0..20 {
        customer.hang_up(&format!("c-{number}")).await;
    }
    world.quiet().await;
    customer.call(Method::POST, &format!("/v1/destinations/{quiet}/test"), None).await;
    world.quiet().await;
    let page = customer.get(&format!("/v1/deliveries?limit=1&destination_id={quiet}")).await;
    assert_eq!(page["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(page["next_cursor"], Value::Null, "no other row was examined: {page}");
    let page = customer.get(&format!("/v1/deliveries?limit=100&destination_id={}", ids[0])).await;
    assert_eq!(page["deliveries"].as_array().unwrap().len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_found_by_event_trigger_status_code_and_several_statuses() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    world.stack.receiver.answer("/broken", Answer::Status(500));
    let mut made = Vec::new();
    for path in ["/works", "/broken"] {
        made.push(customer.add_destination(&world.stack.receiver.url(path), "POST").await.0);
        hand.advance(std::time::Duration::from_secs(1));
    }
    let listed = customer.get("/v1/destinations").await;
    let listed =
        listed["destinations"].as_array().unwrap().iter().map(|destination| text(&destination["id"]));
    assert_eq!(listed.collect::<Vec<_>>(), made, "in the order in which they were made");

    let event = customer.hang_up("c-1").await;
    customer.hang_up("c-2").await;
    for conversation in ["c-1", "c-2"] {
        let attempted = async || {
            let deliveries = customer.deliveries_of(conversation).await;
            let has = |status: &str| deliveries.iter().any(|delivery| delivery["status"] == status);
            (has("delivered") && has("retrying")).then_some(())
        };
        eventually("an attempt at each destination", attempted).await;
    }
    customer.call(Method::POST, &format!("/v1/destinations/{}/test", made[0]), None).await;
    let tested = async || {
        let page = customer.get("/v1/deliveries?trigger=test&status=delivered").await;
        page["deliveries"].get(0).cloned()
    };
    eventually("a test that was delivered", tested).await;
    for (query, found) in [
        (format!("event_id={event}"), 2),
        (format!("event_id={event}&http_status=500"), 1),
        ("http_status=500".to_owned(), 2),
        ("status=delivered&status=retrying".to_owned(), 5),
        ("status=delivered".to_owned(), 3),
        ("trigger=test".to_owned(), 1),
        ("trigger=test&status=exhausted".to_owned(), 0),
    ] {
        let page = customer.get(&format!("/v1/deliveries?{query}")).await;
        assert_eq!(page["deliveries"].as_array().unwrap().len(), found, "{query}: {page}");
    }
    let refused = world.http.get(world.stack.url("/v1/deliveries")).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["www-authenticate"], "X-API-Key, Bearer");
}
