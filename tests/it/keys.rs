//! The life of API keys: listed without their secrets, revoked with immediate effect.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{Customer, World, text};

/// Runs an operator's command for accounts and keys.
async fn operate(world: &World, command: &Value) -> Value {
    world.stack.invoke("Destinations", command).await.unwrap()
}

async fn refused(world: &World, command: &Value) -> String {
    world.stack.invoke("Destinations", command).await.unwrap_err().to_string()
}

async fn keys_of(world: &World, account: &str) -> Vec<Value> {
    let listed = operate(world, &json!({"list_api_keys": {"account_id": account}})).await;
    listed["api_keys"].as_array().unwrap().clone()
}

/// Creates another key for the customer's account.
async fn key_for(world: &World, customer: &Customer, scope: &str) -> Customer {
    let key = json!({"account_id": customer.account_id, "name": scope, "scopes": [scope]});
    let made = operate(world, &json!({"create_api_key": key})).await;
    let key = Customer::of(
        customer.account_id.clone(),
        text(&made["api_key"]),
        world.stack.url(""),
        world.http.clone(),
    );
    assert_eq!(made["key_id"], key.key_id());
    key
}

/// A key's stored row.
async fn row_of(world: &World, key: &Customer) -> HashMap<String, AttributeValue> {
    let (_, id) = key.key_id().split_once('_').unwrap();
    let table = &world.stack.resources.tables["DestinationsTable"];
    let request = world.stack.clients.dynamodb.get_item().table_name(table).consistent_read(true);
    let request = request.key("pk", AttributeValue::S(format!("key#{id}")));
    request.key("sk", AttributeValue::S("key".to_owned())).send().await.unwrap().item.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_and_a_key_have_a_name() {
    let (world, _) = World::by_hand().await;
    let acme = world.customer("Acme").await;
    for name in ["", " ", "\t", "\n\n", "a\u{0}b", &"x".repeat(101)] {
        let key = json!({"account_id": acme.account_id, "name": name});
        for command in [json!({"create_account": {"name": name}}), json!({"create_api_key": key})] {
            let error = refused(&world, &command).await;
            assert!(error.contains("name must be 1 to 100 characters"), "{name:?}: {error}");
        }
    }
    let named = operate(&world, &json!({"create_account": {"name": "  Acme  "}})).await;
    assert_eq!(named["name"], "Acme");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_without_their_secrets() {
    let (world, _) = World::by_hand().await;
    let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
    let reader = key_for(&world, &acme, "read").await;
    let mut listed = keys_of(&world, &acme.account_id).await;
    listed.sort_by_key(|key| key["name"] == "read");
    let [first, second] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((&first["key_id"], &first["name"]), (&json!(acme.key_id()), &json!("Acme")));
    assert_eq!(
        *second,
        json!({
            "key_id": reader.key_id(),
            "name": "read",
            "scopes": ["read"],
            "created_at": "2026-09-01T10:00:00.000Z",
            "last_used_at": null,
            "expires_at": null,
            "revoked_at": null,
        }),
        "and nothing else"
    );
    for key in [&acme, &reader] {
        let secret = key.key.rsplit_once('_').unwrap().1;
        assert!(!json!(listed).to_string().contains(secret));
        let row = format!("{:?}", row_of(&world, key).await);
        assert!(!row.contains(secret), "only a hash of it is stored");
    }
    assert_eq!(keys_of(&world, &other.account_id).await.len(), 1, "each account has its own");
    let error = refused(&world, &json!({"list_api_keys": {"account_id": "acc_none"}})).await;
    assert!(error.contains("no such account"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_at_once_like_one_that_never_was() {
    let world = World::start().await;
    let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
    let key = key_for(&world, &acme, "read").await;
    assert_eq!(key.call(Method::GET, "/v1/destinations", None).await.0, StatusCode::OK);

    // Another account, another id and the whole key are refused; the error does not repeat the key.
    let revoke =
        |account: &str, key_id: &str| json!({"revoke_api_key": {"account_id": account, "key_id": key_id}});
    let theirs = refused(&world, &revoke(&other.account_id, key.key_id())).await;
    let nobodys = refused(&world, &revoke(&other.account_id, "vk_0123456789abcdef")).await;
    assert_eq!(theirs, nobodys);
    let whole = refused(&world, &revoke(&acme.account_id, &key.key)).await;
    assert!(!whole.contains(key.key.rsplit_once('_').unwrap().1), "{whole}");
    assert_eq!(key.call(Method::GET, "/v1/destinations", None).await.0, StatusCode::OK, "it still works");

    let revoked = operate(&world, &revoke(&acme.account_id, key.key_id())).await;
    let unknown =
        Customer::with_key(world.stack.url(""), format!("vk_{}_{}", "0".repeat(16), "0".repeat(48)));
    let answer = key.call(Method::GET, "/v1/destinations", None).await;
    assert_eq!(answer.0, StatusCode::UNAUTHORIZED);
    assert_eq!(answer, unknown.call(Method::GET, "/v1/destinations", None).await);
    // Functions in other processes refuse it too, whatever its scopes.
    for (method, path) in [(Method::POST, "/v1/flows/hangup"), (Method::GET, "/v1/deliveries")] {
        assert_eq!(
            key.call(method.clone(), path, None).await,
            unknown.call(method, path, None).await,
            "{path}"
        );
    }
    assert_eq!(
        acme.call(Method::GET, "/v1/destinations", None).await.0,
        StatusCode::OK,
        "the other key still works"
    );

    let again = operate(&world, &revoke(&acme.account_id, key.key_id())).await;
    assert_eq!(again, revoked, "revoking twice changes nothing");
    let listed = keys_of(&world, &acme.account_id).await;
    let states: HashMap<_, _> = listed.iter().map(|key| (text(&key["key_id"]), &key["revoked_at"])).collect();
    assert_eq!(states[key.key_id()], &revoked["revoked_at"]);
    assert_eq!(states[acme.key_id()], &Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_day_of_a_keys_last_use_is_noted_by_whatever_function_it_is_used_for() {
    let (world, hand) = World::by_hand().await;
    let acme = world.customer("Acme").await;
    let [platform, manager, reader] = [
        key_for(&world, &acme, "ingest").await,
        key_for(&world, &acme, "manage").await,
        key_for(&world, &acme, "read").await,
    ];
    let use_all = async || {
        platform.hang_up("c-1").await;
        manager.portal_link("read").await;
        reader.get("/v1/deliveries").await;
    };
    let last_used = async || {
        let listed = keys_of(&world, &acme.account_id).await;
        let of = |key: &Customer| {
            listed.iter().find(|listed| listed["key_id"] == key.key_id()).unwrap()["last_used_at"].clone()
        };
        [of(&platform), of(&manager), of(&reader)]
    };
    assert_eq!(last_used().await, [Value::Null, Value::Null, Value::Null]);
    use_all().await;
    let first = ["2026-09-01"; 3].map(Value::from);
    assert_eq!(last_used().await, first);
    hand.advance(Duration::from_secs(13 * 60 * 60)); // 23:00
    use_all().await;
    assert_eq!(last_used().await, first);
    hand.advance(Duration::from_secs(60 * 60));
    use_all().await;
    assert_eq!(last_used().await, ["2026-09-02"; 3].map(Value::from));
    // A use outside the key's scopes counts, because somebody has the key.
    hand.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(reader.call(Method::POST, "/v1/destinations", None).await.0, StatusCode::FORBIDDEN);
    assert_eq!(last_used().await[2], json!("2026-09-03"));
    // The use of an invalid key does not count.
    let last = if manager.key.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{last}", &manager.key[..manager.key.len() - 1]);
    let wrong = Customer::with_key(world.stack.url(""), wrong);
    assert_eq!(wrong.call(Method::GET, "/v1/destinations", None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(last_used().await[1], json!("2026-09-02"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_at_most_a_hundred_keys_that_are_not_revoked_however_many_requests_run_at_once() {
    let (world, _) = World::by_hand().await;
    let acme = world.customer("Acme").await;
    let body = json!({"name": "x", "scopes": ["read"]});
    let add = async || acme.call(Method::POST, "/v1/api-keys", Some(&body)).await;
    for _ in 0..95 {
        assert_eq!(add().await.0, StatusCode::CREATED);
    }
    let answers = join_all((0..10).map(|_| add())).await;
    let made: Vec<_> = answers.iter().filter(|(status, _)| *status == StatusCode::CREATED).collect();
    let full: Vec<_> = answers.iter().filter(|(_, answer)| answer["code"] == "too_many_api_keys").collect();
    assert_eq!((made.len(), full.len()), (4, 6), "{answers:?}");
    assert_eq!(full[0].0, StatusCode::CONFLICT);
    let create = json!({"create_api_key": {"account_id": acme.account_id, "name": "x"}});
    let error = refused(&world, &create).await;
    assert!(error.contains("at most 100 API keys that are not revoked"), "{error}");

    let path = format!("/v1/api-keys/{}", text(&made[0].1["key_id"]));
    for _ in 0..2 {
        assert_eq!(acme.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    }
    assert_eq!(add().await.0, StatusCode::CREATED);
    assert_eq!(add().await.0, StatusCode::CONFLICT, "it was revoked twice and counts once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_makes_lists_and_revokes_keys_and_gives_no_scope_that_it_has_not() {
    let (world, hand) = World::by_hand().await;
    let acme = world.customer("Acme").await;
    let user = acme.in_portal("manage").await;
    hand.advance(Duration::from_millis(1));
    let body = json!({"name": " CI ", "scopes": ["read", "manage", "read"], "expires_at": "2026-09-01T12:00:00+01:00"});
    let (status, made) = user.call(Method::POST, "/v1/api-keys", Some(&body)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let base = world.stack.url("");
    let key = Customer::of(acme.account_id.clone(), text(&made["api_key"]), base, world.http.clone());
    let mut shown = json!({
        "key_id": key.key_id(), "name": "CI", "scopes": ["manage", "read"], "created_at": "2026-09-01T10:00:00.001Z",
        "last_used_at": null, "expires_at": "2026-09-01T11:00:00.000Z", "revoked_at": null,
    });
    let listed = async || user.get("/v1/api-keys").await["api_keys"].as_array().unwrap().clone();
    assert_eq!(listed().await.iter().find(|one| one["key_id"] == key.key_id()), Some(&shown));
    key.get("/v1/destinations").await;
    hand.advance(Duration::from_secs(60 * 60));
    let (status, problem) = key.call(Method::GET, "/v1/destinations", None).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthorized")), "expired");
    let path = format!("/v1/api-keys/{}", key.key_id());
    for _ in 0..2 {
        assert_eq!(user.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    }
    shown["last_used_at"] = json!("2026-09-01");
    shown["revoked_at"] = json!("2026-09-01T11:00:00.001Z");
    assert_eq!(listed().await.iter().find(|one| one["key_id"] == key.key_id()), Some(&shown));

    for (body, fields) in [
        (json!({}), &["name", "scopes"][..]),
        (
            json!({"name": "", "scopes": [], "expires_at": "2026-09-01T11:00:00Z"}),
            &["name", "scopes", "expires_at"],
        ),
        (json!({"name": "x", "scopes": ["ingest"]}), &["scopes"]),
        (json!({"name": "x", "scopes": ["admin"], "expires_at": "tomorrow"}), &["scopes", "expires_at"]),
        (json!({"name": "x", "scopes": ["read"], "role": "read"}), &["role"]),
    ] {
        let (status, problem) = user.call(Method::POST, "/v1/api-keys", Some(&body)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let errors = problem["errors"].as_array().unwrap();
        let named: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert_eq!(named, fields, "{problem}");
    }
    let body = json!({"name": "x", "scopes": ["ingest"], "expires_at": null});
    assert_eq!(acme.call(Method::POST, "/v1/api-keys", Some(&body)).await.0, StatusCode::CREATED);

    let expires =
        |at: &str| json!({"create_api_key": {"account_id": acme.account_id, "name": "x", "expires_at": at}});
    let error = refused(&world, &expires("2026-09-01T11:00:00Z")).await;
    assert!(error.contains("expires_at must be a time in the future"), "{error}");
    assert_eq!(
        operate(&world, &expires("2026-10-01T00:00:00Z")).await["expires_at"],
        "2026-10-01T00:00:00.000Z"
    );
}
