//! Confidential data is in no log line, metric, message or response to others. Canaries stand for it while everything
//! goes wrong.

use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::delivery::message::{DeliveryMessage, Message};
use domain::shared::ids::{AccountId, DeliveryId};
use domain::testing::fakes::sample;
use local::clock::Clock;
use local::receiver::Answer;
use local::stack::Options;
use reqwest::Method;
use serde_json::{Value, json};

use crate::described::send;
use crate::log;
use crate::providers::{CALL, Daily, Twilio};
use crate::world::{MORNING_MS, World, eventually, options, text, token_of};

const PHONE: &str = "+15550199377";
const TRANSCRIPT: &str = "canary: my card ends in 4711";
const TOKEN: &str = "canarytoken5a1d7";
const HEADER: &str = "canaryheader77b0";
const IN_URL: &str = "canaryurl0c9e";

/// The queues' files as text. They contain every message ever sent, because nothing is wiped from them.
fn messages_ever(data: &Path) -> String {
    let files =
        ["sqs.sqlite", "sqs.sqlite-wal"].map(|name| std::fs::read(data.join(name)).unwrap_or_default());
    files.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect()
}

/// The canary that a text contains, if any.
fn shown<'a>(canaries: &'a [String], text: &str) -> Option<&'a String> {
    canaries.iter().find(|canary| text.contains(canary.as_str()))
}

#[tokio::test(flavor = "multi_thread")]
async fn canaries_are_in_no_line_no_metric_no_message_and_no_other_answer() {
    let captured = log::captured();
    let (clock, hand) = Clock::manual(MORNING_MS);
    let data = tempfile::tempdir().unwrap();
    let world = World::with(Options { data: Some(data.path().to_owned()), ..options(clock) }).await;
    let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
    let receiver = &world.stack.receiver;
    let (fails, signing) =
        acme.add_destination(&receiver.url(&format!("/fails?token={IN_URL}")), "POST").await;
    acme.change_destination(&fails, &json!({"headers": {"x-token": HEADER}})).await;
    acme.add_destination(&receiver.url(&format!("/get?token={IN_URL}")), "GET").await;
    let repeats = format!("{PHONE} {TRANSCRIPT}");
    receiver.answer_everywhere(Answer::Body(500, repeats));
    let secret = acme.key.rsplit_once('_').unwrap().1.to_owned();
    let mut canaries: Vec<_> = [PHONE, TRANSCRIPT, TOKEN, HEADER, IN_URL].map(str::to_owned).into();
    canaries.extend([secret, signing.trim_start_matches("whsec_").to_owned(), PHONE.replace('+', "%2B")]);
    // Deliveries that fail four times.
    let record = json!({
        "conversation_id": "c-1", "conversation_status": "COMPLETED", "to_mobile_number": PHONE,
        "conversation_transcript": [{"role": "user", "content": TRANSCRIPT}], "notes": TRANSCRIPT,
    });
    assert_eq!(acme.call(Method::POST, "/v1/flows/hangup", Some(&record)).await.0, 202);
    eventually("two exhausted deliveries and empty queues", async || {
        let deliveries = acme.deliveries_of("c-1").await;
        let ended = deliveries.iter().filter(|delivery| delivery["status"] == "exhausted").count();
        let mut left = 0;
        for queue in ["EventsQueue", "DeliveriesQueue", "DeadLettersQueue"] {
            left += world.messages_in(queue).await;
        }
        if (ended, left) == (2, 0) {
            return Some(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        hand.advance(Duration::from_secs(2));
        None
    })
    .await;

    // Bodies that are wrong in every way.
    for body in [
        json!({"conversation_id": PHONE, "conversation_status": "COMPLETED"}).to_string(),
        json!({"conversation_id": "c-2", "conversation_status": PHONE}).to_string(),
        json!({"conversation_id": "c-2", "conversation_status": "COMPLETED", "conversation_duration": PHONE})
            .to_string(),
        json!({"conversation_id": "c-2", "conversation_status": "COMPLETED", PHONE: TRANSCRIPT}).to_string(),
        format!(r#"{{"conversation_id": "{PHONE}" {TRANSCRIPT}"#),
        format!(r#""{PHONE}""#),
    ] {
        for path in ["/v1/flows/hangup", "/v1/flows/outbound-call"] {
            let (status, _) = acme.send(Method::POST, path, Some(body.clone())).await;
            assert!(status.is_client_error(), "{path} {body}: {status}");
        }
        acme.send(Method::POST, "/v1/destinations", Some(body)).await;
    }
    let wrong = json!({"secret": format!("{TOKEN} with a space")});
    assert_eq!(acme.call(Method::PUT, "/v1/providers/twilio", Some(&wrong)).await.0, 422);

    // Callbacks that are refused, unreadable or parked.
    let twilio = Twilio::of(&world, &acme, "").await;
    acme.set_provider("twilio", TOKEN).await;
    let genuine = Twilio { token: TOKEN.to_owned(), ..twilio.clone() };
    let pairs =
        |status: &'static str| [("CallSid", CALL), ("CallStatus", status), ("From", PHONE), ("To", PHONE)];
    assert_eq!(send(twilio.form(&pairs("completed"))).await.0, 403);
    assert_eq!(send(genuine.form(&pairs("ringing"))).await.0, 200);
    for wrong in [("CallSid", PHONE), ("CallStatus", PHONE), ("CallDuration", PHONE)] {
        send(genuine.form(&[("CallSid", CALL), ("CallStatus", "completed"), wrong])).await;
    }
    let nowhere = Twilio { url: genuine.url.replace(&acme.account_id, "%2B15550199377"), ..genuine };
    assert_eq!(send(nowhere.form(&pairs("completed"))).await.0, 403);
    let daily = Daily::of(&world, &acme).await;
    let refused = Daily { secret: "b3RoZXI=".to_owned(), ..daily.clone() };
    assert_eq!(send(refused.webhook("meeting.ended", &json!({"from": PHONE}))).await.0, 403);
    for more in [json!({"room": PHONE}), json!({"start_ts": PHONE}), json!({"room": [TRANSCRIPT]})] {
        send(daily.webhook("meeting.ended", &more)).await;
    }
    send(daily.body(format!(r#"{{"type": "{PHONE}", "{TRANSCRIPT}""#))).await;

    // Links and sessions of the portal, good, used and refused.
    let link = acme.portal_link("manage").await;
    let reader = acme.in_portal("read").await;
    canaries.extend([token_of(&link).to_owned(), reader.key.clone()]);
    canaries.push(reader.key.rsplit_once('_').unwrap().1.to_owned());
    assert_eq!(acme.call(Method::GET, &format!("/portal/{}", token_of(&link)), None).await.0, 200);
    for (token, status) in [(token_of(&link), 201), (token_of(&link), 401), (&reader.key, 401)] {
        assert_eq!(acme.exchange(token).await.0, status);
    }
    for (method, path, status) in [
        (Method::GET, "/v1/destinations", 200),
        (Method::GET, "/v1/deliveries", 200),
        (Method::POST, "/v1/destinations", 403),
        (Method::POST, "/v1/flows/hangup", 403),
    ] {
        assert_eq!(reader.call(method, path, None).await.0, status, "{path}");
    }

    let made = acme.in_portal("manage").await;
    let body = json!({"name": "x", "scopes": ["read"]});
    let made = text(&made.call(Method::POST, "/v1/api-keys", Some(&body)).await.1["api_key"]);
    canaries.push(made.rsplit_once('_').unwrap().1.to_owned());

    // Wrong events on the bus and an operator's mistakes: the runtime logs the error of an invocation.
    for detail in [
        json!({"account_id": acme.account_id, "conversation_id": "c-3", "conversation_duration": PHONE}),
        json!({"account_id": acme.account_id, "conversation_id": PHONE, "conversation_status": "FAILED"}),
        json!({"account_id": PHONE, "conversation_id": "c-3", "conversation_status": "FAILED"}),
        json!([PHONE, TRANSCRIPT]),
        json!(PHONE),
    ] {
        let event = json!({"id": "bus-1", "detail-type": "conversation.ended", "detail": detail});
        let error = world.stack.invoke("Ingest", &event).await.unwrap_err().to_string();
        assert_eq!(shown(&canaries, &error), None, "{error}");
    }
    for command in [
        json!({"set_provider_secret": TOKEN}),
        json!({"set_provider_secret": {"account_id": acme.account_id, "provider": TOKEN, "secret": TOKEN}}),
        json!({"set_provider_secret": {"account_id": acme.account_id, "provider": "twilio", "secret": format!("{TOKEN} ")}}),
        json!({"create_portal_link": {"account_id": acme.account_id, "role": TOKEN}}),
        json!({"revoke_api_key": {"account_id": acme.account_id, "key_id": acme.key}}),
        json!({"create_api_key": {"account_id": acme.account_id, "name": "x", "scopes": [TOKEN]}}),
    ] {
        let error = world.stack.invoke("Destinations", &command).await.unwrap_err().to_string();
        assert_eq!(shown(&canaries, &error), None, "{error}");
    }

    let messages = messages_ever(data.path());
    assert!(messages.contains("c-1"), "the files contain messages");
    assert_eq!(shown(&canaries, &messages), None);

    // Poison messages and unreadable rows.
    for queue in ["EventsQueue", "DeliveriesQueue"] {
        let url = &world.stack.resources.queues[queue].url;
        for body in [format!("{PHONE} {TRANSCRIPT}"), json!({"type": PHONE, "v": TRANSCRIPT}).to_string()] {
            world.stack.clients.sqs.send_message().queue_url(url).message_body(body).send().await.unwrap();
        }
    }
    // A dead letter of a delivery that has ended.
    let letter = DeliveryMessage {
        account_id: AccountId::parse(&acme.account_id).unwrap(),
        delivery_id: DeliveryId::parse(text(&acme.deliveries_of("c-1").await[0]["id"])).unwrap(),
        ..sample::delivery_message()
    };
    let url = &world.stack.resources.queues["DeadLettersQueue"].url;
    let body = Message::Delivery(letter).body();
    world.stack.clients.sqs.send_message().queue_url(url).message_body(body).send().await.unwrap();

    for (attribute, value) in [("version", PHONE), ("fields", TRANSCRIPT), ("late_signals", PHONE)] {
        let table = world.stack.clients.dynamodb.update_item();
        let table = table.table_name(&world.stack.resources.tables["ConversationsTable"]);
        table
            .key("pk", AttributeValue::S(format!("{}#broken-{attribute}", acme.account_id)))
            .key("sk", AttributeValue::S("record".to_owned()))
            .update_expression("SET #attribute = :value") // `fields` is a reserved word
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", AttributeValue::S(value.to_owned()))
            .send()
            .await
            .unwrap();
        let path = format!("/v1/public/conversations/broken-{attribute}");
        let (status, problem) = acme.call(Method::GET, &path, None).await;
        assert_eq!((status.as_u16(), shown(&canaries, &problem.to_string())), (503, None), "{problem}");
    }

    // Responses to other accounts and of other routes.
    let delivery = text(&acme.deliveries_of("c-1").await[0]["id"]);
    for (caller, path) in [
        (&other, format!("/v1/deliveries/{delivery}")),
        (&other, "/v1/public/conversations/c-1".to_owned()),
        (&other, format!("/v1/destinations/{fails}")),
        (&other, "/v1/deliveries?conversation_id=c-1".to_owned()),
        (&acme, "/v1/providers".to_owned()),
        (&acme, format!("/v1/deliveries/{delivery}x")),
        (&acme, format!("/v1/deliveries/{delivery}/none")),
    ] {
        let (_, body): (_, Value) = caller.call(Method::GET, &path, None).await;
        assert_eq!(shown(&canaries, &body.to_string()), None, "{path}: {body}");
    }

    let wanted = [
        // Of the level DEBUG.
        "request.answered",
        "deliveries.sent",
        "delivery.attempted",
        "event.accepted",
        "event.fanned_out",
        "message.poison",
        "callback.refused",
        "callback.received",
        "callback.unreadable",
        "bus_event.failed",
        "unavailable",
        "dead_letter.reconciled",
    ];
    let log = eventually("a line of every kind", async || {
        let log = captured.text();
        wanted.iter().all(|kind| log.contains(&format!("\"message\":\"{kind}\""))).then_some(log)
    })
    .await;
    // Alarms read these.
    for metric in ["Failures", "PoisonMessages"] {
        let counted = format!(r#""Metrics":[{{"Name":"{metric}"}}]"#);
        assert!(log.contains(&counted), "no line counts {metric}");
    }
    for line in log.lines() {
        assert_eq!(shown(&canaries, line), None, "{line}");
    }
}
