//! Two accounts cannot see each other's anything.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::world::{Customer, World, text};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_is_as_what_does_not_exist() {
    let world = World::start().await;
    let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
    let (destination, _) = acme.add_destination(&world.stack.receiver.url("/acme"), "POST").await;
    other.add_destination(&world.stack.receiver.url("/other"), "POST").await;
    acme.hang_up("shared-id").await;
    let delivery = text(&acme.delivery_once("shared-id", "delivered").await["id"]);

    for (method, theirs, nobodys, body) in [
        (Method::GET, format!("/v1/deliveries/{delivery}"), "/v1/deliveries/nonsense", None),
        (Method::GET, "/v1/public/conversations/shared-id".to_owned(), "/v1/public/conversations/none", None),
        (Method::GET, format!("/v1/destinations/{destination}"), "/v1/destinations/none", None),
        (Method::DELETE, format!("/v1/destinations/{destination}"), "/v1/destinations/none", None),
        (Method::POST, format!("/v1/deliveries/{delivery}/resend"), "/v1/deliveries/nonsense/resend", None),
        (Method::POST, format!("/v1/destinations/{destination}/test"), "/v1/destinations/none/test", None),
        (
            Method::POST,
            format!("/v1/destinations/{destination}/secret/rotate"),
            "/v1/destinations/none/secret/rotate",
            None,
        ),
        (
            Method::POST,
            format!("/v1/destinations/{destination}/recover"),
            "/v1/destinations/none/recover",
            Some(json!({"since": "2026-01-01T00:00:00Z"})),
        ),
        (
            Method::PATCH,
            format!("/v1/destinations/{destination}"),
            "/v1/destinations/none",
            Some(json!({"name": "x"})),
        ),
    ] {
        let (status, body_of_theirs) = other.call(method.clone(), &theirs, body.as_ref()).await;
        let (none_status, body_of_none) = other.call(method, nobodys, body.as_ref()).await;
        assert_eq!((status, none_status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND), "{theirs}");
        assert_eq!(body_of_theirs, body_of_none, "{theirs}");
    }
    let filtered = format!("/v1/deliveries?destination_id={destination}");
    for path in ["/v1/deliveries", "/v1/deliveries?conversation_id=shared-id", &filtered] {
        assert_eq!(other.get(path).await["deliveries"], json!([]), "{path}");
    }

    // The same conversation id in another account is another conversation, with another event.
    assert_ne!(other.hang_up("shared-id").await, text(&acme.deliveries_of("shared-id").await[0]["event_id"]));
    other.delivery_once("shared-id", "delivered").await;
    world.quiet().await;
    assert_eq!(world.stack.receiver.received("/acme").len(), 1);
    assert_eq!(world.stack.receiver.received("/other").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_account_is_refused() {
    let world = World::start().await;
    let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
    for customer in [&acme, &other] {
        customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
        for conversation in ["c-1", "c-2"] {
            customer.hang_up(conversation).await;
        }
    }
    world.quiet().await;
    let cursor = text(&acme.get("/v1/deliveries?limit=1").await["next_cursor"]);
    let path = format!("/v1/deliveries?limit=1&cursor={cursor}");
    assert_eq!(acme.get(&path).await["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(other.call(Method::GET, &path, None).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_key_every_route_answers_alike() {
    let world = World::start().await;
    let acme = world.customer("Acme").await;
    let read_only =
        json!({"create_api_key": {"account_id": acme.account_id, "name": "r", "scopes": ["read"]}});
    let key = text(&world.stack.invoke("Destinations", &read_only).await.unwrap()["api_key"]);
    let reader = Customer::with_key(world.stack.url(""), key.clone());
    let stranger = |key: &str| Customer::with_key(world.stack.url(""), key.to_owned());
    let last = if key.ends_with('0') { "1" } else { "0" };
    let wrong_secret = format!("{}{last}", &key[..key.len() - 1]);
    let strangers = [stranger(""), stranger("nonsense"), stranger(&wrong_secret)];
    for (method, path) in [
        (Method::POST, "/v1/flows/hangup"),
        (Method::POST, "/v1/flows/outbound-call"),
        (Method::POST, "/v1/deliveries/x/resend"),
        (Method::POST, "/v1/destinations/x/test"),
        (Method::POST, "/v1/destinations/x/recover"),
        (Method::POST, "/v1/destinations/x/secret/rotate"),
        (Method::GET, "/v1/stats"),
        (Method::GET, "/v1/providers"),
        (Method::PUT, "/v1/providers/twilio"),
        (Method::DELETE, "/v1/providers/twilio"),
        (Method::PUT, "/v1/conversations/c-1"),
        (Method::GET, "/v1/destinations"),
        (Method::POST, "/v1/destinations"),
        (Method::GET, "/v1/destinations/x"),
        (Method::PATCH, "/v1/destinations/x"),
        (Method::DELETE, "/v1/destinations/x"),
        (Method::GET, "/v1/deliveries"),
        (Method::GET, "/v1/deliveries/x"),
        (Method::GET, "/v1/public/conversations/x"),
    ] {
        for stranger in &strangers {
            let (status, problem) = stranger.call(method.clone(), path, None).await;
            assert_eq!(
                (status, &problem["code"]),
                (StatusCode::UNAUTHORIZED, &json!("unauthorized")),
                "{path}"
            );
        }
        let reads = method == Method::GET
            && ["/v1/deliveries", "/v1/public", "/v1/stats"].iter().any(|start| path.starts_with(start));
        let (status, _) = reader.call(method.clone(), path, None).await;
        assert_eq!(status != StatusCode::FORBIDDEN, reads, "{method} {path}: {status}");
    }
}
