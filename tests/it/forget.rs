//! A customer deletes a conversation: none of its data is left or comes back.

use std::time::Duration;

use adapters::config::Retention;
use adapters::dynamodb::{EventTable, LedgerTable};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::conversation::store::FORGOTTEN_FOR;
use domain::delivery::history::Owner;
use domain::delivery::ledger::Ledger;
use domain::delivery::ledger::{Claim, Claimed, CompletedAttempt};
use domain::delivery::outcome::{Outcome, OutcomeClass};
use domain::destination::retry::Retry;
use domain::event::message::EventMessage;
use domain::event::store::EventEraser;
use domain::shared::clock::Clock;
use domain::shared::ids::{AccountId, ConversationId};
use domain::shared::timestamp::Timestamp;
use domain::shared::token::Token;
use domain::shared::wait::Wait;
use domain::testing::fakes::{ManualClock, sample};
use local::receiver::Answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::described::send;
use crate::providers::{CALL, Daily, ROOM, Twilio};
use crate::world::{Customer, MORNING_MS, World, eventually, text};

const RETRY_AFTER: Duration = Duration::from_secs(10);

async fn delete(customer: &Customer, conversation: &str) -> (StatusCode, Value) {
    customer.call(Method::DELETE, &format!("/v1/conversations/{conversation}"), None).await
}

/// An account's rows in the tables of conversations and deliveries, without the marks of what was deleted.
pub(crate) async fn kept_of(world: &World, account: &str) -> Vec<String> {
    let mut kept = Vec::new();
    for table in ["ConversationsTable", "DeliveryLogTable"] {
        let name = &world.stack.resources.tables[table];
        let scan = world.stack.clients.dynamodb.scan().table_name(name).consistent_read(true);
        let mut rows = scan.into_paginator().items().send();
        while let Some(row) = rows.next().await {
            let row = row.unwrap();
            if row.contains_key("forgotten_at") {
                assert_eq!(row.len(), 4, "the mark of a deletion has its key and two times: {row:?}");
                continue;
            }
            let row = format!("{table}: {row:?}");
            kept.extend(row.contains(account).then_some(row));
        }
    }
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_conversation_leaves_nothing_behind_and_sends_nothing_more() {
    let (world, hand) = World::by_hand().await;
    let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
    let receiver = &world.stack.receiver;
    acme.add_destination(&receiver.url("/works"), "POST").await;
    let (fails, _) = acme.add_destination(&receiver.url("/fails"), "POST").await;
    let (off, _) = acme.add_destination(&receiver.url("/off"), "POST").await;
    acme.change_destination(&off, &json!({"status": "disabled"})).await;
    receiver.answer("/fails", Answer::Status(500));
    acme.put_conversation("c-1", &json!({"twilio_call_sid": CALL, "daily_room": ROOM, "notes": "private"}))
        .await;
    acme.hang_up("c-1").await;
    let deliveries = eventually("a delivered, a retrying and a skipped delivery", async || {
        let deliveries = acme.deliveries_of("c-1").await;
        let is = |status: &str| deliveries.iter().any(|delivery| delivery["status"] == status);
        (is("delivered") && is("retrying") && is("skipped")).then_some(deliveries)
    })
    .await;
    let delivered = deliveries.iter().find(|delivery| delivery["status"] == "delivered").unwrap();
    let resend = format!("/v1/deliveries/{}/resend", text(&delivered["id"]));
    assert_eq!(acme.call(Method::POST, &resend, None).await.0, StatusCode::ACCEPTED);
    eventually("the resent delivery", async || {
        let deliveries = acme.deliveries_of("c-1").await;
        (deliveries.iter().filter(|delivery| delivery["status"] == "delivered").count() == 2).then_some(())
    })
    .await;
    assert!(
        kept_of(&world, &acme.account_id).await.len() > 7,
        "records, references, an event, four deliveries"
    );

    let never_was = delete(&other, "never-was").await;
    assert_eq!(never_was.0, StatusCode::NOT_FOUND);
    assert_eq!(delete(&other, "c-1").await, never_was, "of another account");
    assert_eq!(acme.get("/v1/public/conversations/c-1").await["notes"], "private");
    assert_eq!(delete(&acme, "c-1").await, (StatusCode::NO_CONTENT, json!("")));
    assert_eq!(kept_of(&world, &acme.account_id).await, Vec::<String>::new());
    assert_eq!(delete(&acme, "c-1").await, never_was, "twice");

    assert_eq!(acme.deliveries_of("c-1").await, Vec::<Value>::new());
    assert_eq!(acme.get("/v1/deliveries").await["deliveries"], json!([]));
    for (method, path) in [
        (Method::GET, "/v1/public/conversations/c-1".to_owned()),
        (Method::GET, format!("/v1/deliveries/{}", text(&delivered["id"]))),
        (Method::POST, resend),
    ] {
        assert_eq!(acme.call(method, &path, None).await.0, StatusCode::NOT_FOUND, "{path}");
    }

    // The waiting delivery comes due, and the event's message is delivered once more, as queues may do.
    let sent = || ["/works", "/fails", "/off"].map(|path| receiver.received(path).len());
    let before = sent();
    announce_again(&world, &acme, "c-1").await;
    world.advance(&hand, RETRY_AFTER).await;
    world.quiet().await;
    assert_eq!(sent(), before);
    assert_eq!(kept_of(&world, &acme.account_id).await, Vec::<String>::new());

    // For a day the id is taken, so that what is under way brings nothing back.
    let body = json!({"conversation_id": "c-1", "conversation_status": "COMPLETED"});
    let (status, problem) = acme.call(Method::POST, "/v1/flows/hangup", Some(&body)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::GONE, &json!("gone")), "{problem}");
    assert!(text(&problem["detail"]).contains("can be used again from 20"), "{problem}");
    let (status, _) = acme.call(Method::PUT, "/v1/conversations/c-1", Some(&json!({"notes": "n"}))).await;
    assert_eq!(status, StatusCode::GONE);

    // Then it can name a new conversation, whose deliveries work as usual.
    hand.advance(FORGOTTEN_FOR);
    receiver.answer("/fails", Answer::Status(200));
    acme.hang_up("c-1").await;
    let again = eventually("the new conversation's deliveries", async || {
        let deliveries = acme.deliveries_of("c-1").await;
        (deliveries.iter().filter(|delivery| delivery["status"] == "delivered").count() == 2)
            .then_some(deliveries)
    })
    .await;
    assert!(again.iter().any(|delivery| delivery["destination_id"] == fails), "{again:?}");
    assert_eq!(acme.get("/v1/public/conversations/c-1").await["notes"], Value::Null);
    assert_eq!(sent(), [before[0] + 1, before[1] + 1, before[2]]);
}

/// Sends the message of a conversation's event to its queue.
async fn announce_again(world: &World, customer: &Customer, conversation: &str) {
    let account_id = AccountId::parse(&*customer.account_id).unwrap();
    let conversation_id = ConversationId::parse(conversation).unwrap();
    let message = domain::delivery::message::Message::Event(EventMessage {
        v: domain::event::message::Version,
        account_id,
        conversation_id,
        word: Token::from("word"),
        id: Token::from("message"),
        sent_at: Timestamp::from_millis(MORNING_MS),
        settle: Wait::NONE,
        wait: Wait::NONE,
    });
    let url = &world.stack.resources.queues["EventsQueue"].url;
    let body = serde_json::to_string(&message).unwrap();
    world.stack.clients.sqs.send_message().queue_url(url).message_body(body).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_has_not_ended_is_deleted_with_what_providers_call_it() {
    let world = World::start().await;
    let acme = world.customer("Acme").await;
    let (twilio, daily) = (Twilio::of(&world, &acme, "").await, Daily::of(&world, &acme).await);
    acme.put_conversation("before", &json!({"daily_room": ROOM})).await;
    acme.put_conversation(
        "c-1",
        &json!({"daily_room": ROOM, "twilio_call_sid": CALL, "expected_end": "2100-01-01T00:00:00Z"}),
    )
    .await;
    assert_eq!(twilio.call("in-progress").await.1, json!({"result": "applied"}));
    assert_eq!(delete(&acme, "c-1").await.0, StatusCode::NO_CONTENT);
    let kept = kept_of(&world, &acme.account_id).await;
    assert!(
        !kept.is_empty() && kept.iter().all(|row| !row.contains("c-1") && !row.contains(CALL)),
        "{kept:#?}"
    );

    // The call is unknown again, and the room belongs to its earlier conversation.
    assert_eq!(twilio.call("completed").await.1, json!({"result": "parked"}));
    assert_eq!(send(daily.webhook("meeting.ended", &json!({}))).await.1, json!({"result": "applied"}));
    let record = acme.get("/v1/public/conversations/before").await;
    assert_eq!(record["conversation_status"], "DISCONNECTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_that_wait_for_a_deleted_conversation_are_deleted_with_it() {
    let world = World::start().await;
    let acme = world.customer("Acme").await;
    acme.put_conversation("c-1", &json!({"daily_room": ROOM})).await;
    acme.hang_up("c-1").await;
    // As if it had been parked while the conversation was being linked.
    let table = &world.stack.resources.tables["ConversationsTable"];
    let row = [
        ("pk", AttributeValue::S(format!("{}#daily#{ROOM}", acme.account_id))),
        (
            "sk",
            AttributeValue::S(format!("callback#{}", domain::shared::ids::hex(&Sha256::digest("i-1")[..8]))),
        ),
        ("id", AttributeValue::S("i-1".to_owned())),
        ("at", AttributeValue::N("1".to_owned())),
        ("progress", AttributeValue::S("answered".to_owned())),
        ("known", AttributeValue::S(r#"{"from_mobile_number":"+14155550123"}"#.to_owned())),
        ("expires_at", AttributeValue::N("99999999999".to_owned())),
    ];
    let put = world.stack.clients.dynamodb.put_item().table_name(table);
    let row = row.map(|(name, value)| (name.to_owned(), value)).into();
    put.set_item(Some(row)).send().await.unwrap();
    world.quiet().await;
    assert_eq!(delete(&acme, "c-1").await.0, StatusCode::NO_CONTENT);
    assert_eq!(kept_of(&world, &acme.account_id).await, Vec::<String>::new());
}

/// The records of a delivery are deleted during an attempt.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_ends_after_its_conversation_was_deleted_brings_no_record_back() {
    let world = World::start().await;
    let table = world.stack.resources.tables["DeliveryLogTable"].clone();
    let clock = ManualClock::new(MORNING_MS);
    let days = std::collections::BTreeMap::from([("DELIVERY_RETENTION_DAYS".to_owned(), "30".to_owned())]);
    let dynamodb = &world.stack.clients.dynamodb;
    let retention = Retention::read(&days).unwrap();
    let ledger = LedgerTable::new(dynamodb.clone(), table.clone(), retention);
    let log = EventTable::new(dynamodb.clone(), table.clone(), std::sync::Arc::new(clock.clone()));
    let delivery = domain::delivery::record::Delivery { created_at: clock.now(), ..sample::delivery() };
    let event = delivery.id.event_id().unwrap();
    let claim = |number| Claim {
        delivery: delivery.clone(),
        retry: Retry::Standard,
        number,
        owner: Owner::new("invocation", 0),
        at: clock.now(),
        lease_until: clock.now() + Duration::from_secs(31),
    };
    let failed = |number| {
        let outcome = Outcome::failed(OutcomeClass::Timeout, "It hangs.", Duration::from_secs(10));
        CompletedAttempt::new(claim(number), outcome, &[], clock.now())
    };
    let claim_all = async |number| {
        let claimed = ledger.claim(&[claim(number)]).await;
        assert!(matches!(claimed[..], [Ok(Claimed::Granted)]));
    };
    let kept = async || kept_of(&world, sample::account().as_str()).await;

    for attempts in [1, 2] {
        for number in 1..=attempts {
            claim_all(number).await;
            if number < attempts {
                assert!(ledger.complete(&failed(number)).await.unwrap());
            }
        }
        assert!(log.forget_deliveries(&sample::account(), &event).await.unwrap());
        assert!(!ledger.complete(&failed(attempts)).await.unwrap());
        assert_eq!(kept().await, Vec::<String>::new());
    }

    // A second attempt is claimed after the first one's record was deleted: there is no head row to write to.
    claim_all(2).await;
    assert!(!ledger.complete(&failed(2)).await.unwrap());
    assert_eq!(kept().await.len(), 1);
    assert!(log.forget_deliveries(&sample::account(), &event).await.unwrap());
    assert!(!log.forget_deliveries(&sample::account(), &event).await.unwrap());
    assert_eq!(kept().await, Vec::<String>::new());
}
