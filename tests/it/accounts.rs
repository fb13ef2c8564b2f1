//! The life of accounts: listed, suspended and resumed by their operator.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::account::purge::BETWEEN_PASSES;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::described::send;
use crate::providers::Twilio;
use crate::world::{Customer, World, eventually, text, token_of};

impl World {
    /// Runs an operator's command about an account.
    async fn operate(&self, command: &str, account: &str) -> Value {
        self.stack.invoke("Destinations", &json!({command: {"account_id": account}})).await.unwrap()
    }

    async fn refused(&self, command: &Value) -> String {
        self.stack.invoke("Destinations", command).await.unwrap_err().to_string()
    }
}

/// The rows of an account in all tables, without its keys' own, by table and key.
async fn rows_of(world: &World, account: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (id, name) in &world.stack.resources.tables {
        let scan = world.stack.clients.dynamodb.scan().table_name(name).consistent_read(true);
        let mut rows = scan.into_paginator().items().send();
        while let Some(row) = rows.next().await {
            let row = row.unwrap();
            let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok()).cloned();
            let key = format!("{id}: {} {}", text("pk").unwrap(), text("sk").unwrap());
            let is_of_key = text("account_id").is_some_and(|of| of == account);
            found.extend((key.contains(account) || is_of_key).then_some(key));
        }
    }
    found.sort();
    found
}

/// The code of the answer to a request to each function.
async fn codes(caller: &Customer) -> Vec<String> {
    let mut codes = Vec::new();
    for (method, path) in [
        (Method::GET, "/v1/destinations"),
        (Method::POST, "/v1/portal-links"),
        (Method::GET, "/v1/deliveries"),
        (Method::POST, "/v1/flows/hangup"),
    ] {
        let (status, answer) = caller.call(method, path, None).await;
        let code = answer["code"].as_str().map(str::to_owned);
        codes.push(code.unwrap_or_else(|| status.as_u16().to_string()));
    }
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_page_by_page() {
    let (world, _) = World::by_hand().await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        ids.push(world.customer(name).await.account_id);
    }
    ids.sort();
    let (mut listed, mut after, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let command = json!({"list_accounts": {"limit": 2, "after": after}});
        let page = world.stack.invoke("Destinations", &command).await.unwrap();
        listed.extend(page["accounts"].as_array().unwrap().clone());
        (after, pages) = (page["after"].clone(), pages + 1);
        if after.is_null() {
            break;
        }
    }
    let found: Vec<_> = listed.iter().map(|account| text(&account["account_id"])).collect();
    assert_eq!((pages, found), (3, ids.clone()));
    let all = world.stack.invoke("Destinations", &json!({"list_accounts": {}})).await.unwrap();
    assert_eq!(all["accounts"], json!(listed));
    assert_eq!(world.operate("show_account", &ids[0]).await, listed[0]);
    let keys: Vec<_> = listed[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["account_id", "created_at", "name", "state"]);
    for (command, says) in [
        (json!({"list_accounts": {"limit": 0}}), "limit must be 1 to 100"),
        (json!({"show_account": {"account_id": "acc_none"}}), "no such account"),
        (json!({"suspend_account": {"account_id": "acc_none"}}), "no such account"),
    ] {
        let error = world.refused(&command).await;
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_account_is_refused_everywhere_until_it_is_resumed() {
    let (world, _) = World::by_hand().await;
    let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
    let session = acme.in_portal("manage").await;
    let twilio = Twilio::of(&world, &acme, "").await;
    let ringing = [("CallSid", "CA0123456789abcdef0123456789abcdef"), ("CallStatus", "ringing")];
    let before = codes(&acme).await;
    let [link, used] = [acme.portal_link("read").await, acme.portal_link("read").await];
    assert_eq!(acme.exchange(token_of(&used)).await.0, StatusCode::CREATED);
    for _ in 0..2 {
        assert_eq!(world.operate("suspend_account", &acme.account_id).await["state"], "suspended");
    }
    assert_eq!(world.operate("show_account", &acme.account_id).await["state"], "suspended");
    for caller in [&acme, &session] {
        assert_eq!(codes(caller).await, ["account_suspended"; 4]);
    }
    let (status, problem) = acme.exchange(token_of(&link)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("account_suspended")));
    assert_eq!(acme.exchange(token_of(&used)).await.0, StatusCode::UNAUTHORIZED, "whatever its account");
    assert_eq!(send(twilio.form(&ringing)).await.0, StatusCode::FORBIDDEN);
    let detail =
        json!({"account_id": acme.account_id, "conversation_id": "c-1", "conversation_status": "FAILED"});
    let event = json!({"id": "bus-1", "detail-type": "conversation.ended", "detail": detail});
    let error = world.stack.invoke("Ingest", &event).await.unwrap_err().to_string();
    assert!(error.contains("account_id must be an existing account that is active"), "{error}");
    for command in [
        json!({"create_api_key": {"account_id": acme.account_id, "name": "x"}}),
        json!({"create_portal_link": {"account_id": acme.account_id, "role": "read"}}),
    ] {
        assert!(world.refused(&command).await.contains("suspended"), "{command}");
    }
    assert_eq!(codes(&other).await, before, "another account is served");

    assert_eq!(world.operate("resume_account", &acme.account_id).await["state"], "active");
    assert_eq!(codes(&acme).await, before);
    session.get("/v1/destinations").await;
    assert_eq!(acme.exchange(token_of(&link)).await.0, StatusCode::CREATED, "the link is as it was");
    assert_eq!(send(twilio.form(&ringing)).await.0, StatusCode::OK);
    world.stack.invoke("Ingest", &event).await.unwrap();
}

/// It ended before the suspension, and leaves after it.
#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_while_its_account_is_suspended_is_skipped_and_can_be_recovered() {
    let (world, hand) = World::by_hand().await;
    let acme = world.customer("Acme").await;
    acme.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    let body = json!({"conversation_id": "c-1", "conversation_status": "COMPLETED", "settle_seconds": 60});
    let (status, answer) = acme.call(Method::POST, "/v1/flows/hangup", Some(&body)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    world.operate("suspend_account", &acme.account_id).await;
    eventually("the end of the wait", async || {
        hand.advance(Duration::from_secs(2));
        (world.messages_in("EventsQueue").await == 0).then_some(())
    })
    .await;
    world.operate("resume_account", &acme.account_id).await;
    acme.delivery_once("c-1", "skipped").await;
    assert_eq!(world.stack.receiver.received("/hooks").len(), 0);
    let recovery = acme.recover(&json!({"since": "2026-09-01T00:00:00Z"})).await;
    assert_eq!(recovery.0, StatusCode::ACCEPTED, "{}", recovery.1);
    world.quiet_in_time(&hand).await;
    assert_eq!(world.stack.receiver.received("/hooks").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_deleted_account_no_row_is_left_but_the_one_that_says_so() {
    let (world, hand) = World::by_hand_as(&[("ApiRateLimit", "1000")]).await;
    let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
    for customer in [&acme, &other] {
        customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
        // The other account has conversations with Acme's id as their own.
        for conversation in ["c-1", acme.account_id.as_str()] {
            customer.hang_up(conversation).await;
            customer.delivery_once(conversation, "delivered").await;
        }
        customer.set_provider("twilio", "token_of_these_tests").await;
        customer.in_portal("read").await;
        let recovery = customer.recover(&json!({"since": "2026-09-01T00:00:00Z"})).await;
        customer.recovered(recovery).await;
    }
    world.quiet().await;
    let before = rows_of(&world, &acme.account_id).await;
    assert!(before.len() > 12, "{before:?}");
    let of_other = rows_of(&world, &other.account_id).await;
    let unknown =
        Customer::with_key(world.stack.url(""), format!("vk_{}_{}", "0".repeat(16), "0".repeat(48)));

    for _ in 0..2 {
        assert_eq!(world.operate("delete_account", &acme.account_id).await["state"], "deleting");
    }
    assert_eq!(codes(&acme).await, ["account_suspended"; 4], "at once");
    let shown = async || world.operate("show_account", &acme.account_id).await;
    let run_until = async |wait: Duration, is: &dyn Fn(&Value) -> bool| {
        eventually("the purge", async || {
            hand.advance(wait);
            // A run has its time before the clock goes on: a function that takes too long by it is killed.
            for _ in 0..40 {
                tokio::time::sleep(Duration::from_millis(25)).await;
                if is(&shown().await) {
                    return Some(());
                }
            }
            None
        })
        .await;
    };
    run_until(Duration::from_secs(60), &|account| account["rows_deleted"].as_u64().unwrap() > 12).await;
    assert_eq!(codes(&acme).await, codes(&unknown).await, "like a key that never was");
    // What was under way is written behind the first pass.
    let late = world.stack.clients.dynamodb.put_item();
    let late = late.table_name(&world.stack.resources.tables["DeliveryLogTable"]);
    let late = late.item("pk", AttributeValue::S(format!("{}#evt_1", acme.account_id)));
    late.item("sk", AttributeValue::S("event".to_owned())).send().await.unwrap();
    run_until(BETWEEN_PASSES, &|account| account["state"] == "deleted").await;
    let theirs = |row: &String| row.contains(&other.account_id);
    let (kept, left): (Vec<_>, Vec<_>) =
        rows_of(&world, &acme.account_id).await.into_iter().partition(theirs);
    assert_eq!(left, [format!("DestinationsTable: {} account", acme.account_id)]);
    assert!(!kept.is_empty(), "the other's conversations with that id");
    assert_eq!(rows_of(&world, &other.account_id).await, of_other);
    let account = shown().await;
    assert_eq!(account["name"], "");
    let deleted = account["rows_deleted"].as_u64().unwrap();
    assert!(deleted >= 12, "{account}");

    assert_eq!(world.operate("delete_account", &acme.account_id).await, account, "twice");
    let listed = world.stack.invoke("Destinations", &json!({"list_accounts": {}})).await.unwrap();
    assert_eq!(listed["accounts"].as_array().unwrap().len(), 1);
    for (command, says) in [
        ("suspend_account", "the account has been deleted or is being deleted"),
        ("resume_account", "the account has been deleted or is being deleted"),
        ("list_api_keys", "no such account"),
    ] {
        let error = world.refused(&json!({command: {"account_id": acme.account_id}})).await;
        assert!(error.contains(says), "{command}: {error}");
    }
}
