//! A value that cannot be used, or only passed on, loses no report of an end.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Scene;
use crate::described::send;
use crate::log;
use crate::providers::{Daily, Twilio, sign_for_daily};
use crate::world::World;

/// What the destination received, as text: `Value` holds no number beyond a double.
async fn payload(scene: &Scene) -> String {
    let requests = scene.world.stack.receiver.wait_for("/hooks", 1).await;
    String::from_utf8(requests[0].payload.clone().unwrap().to_vec()).unwrap()
}

const VALUES: &str = r#""notes":"so \ud83d","conversation_duration":1e400,"conversation_analysis":[{"a":-1e400,"\udc4b":"\ud83d\udc4b"}]"#;
const CARRIED: [&str; 3] = [
    r#""notes":"so \ufffd""#,
    r#""conversation_duration":1e400"#,
    r#""conversation_analysis":[{"a":-1e400,"\ufffd":"\ud83d\udc4b"}]"#,
];

#[tokio::test(flavor = "multi_thread")]
async fn row_51_a_hangup_carries_what_is_json_byte_for_byte_but_half_pairs() {
    for mark in ["", "\u{feff}"] {
        let scene = Scene::set(World::start().await).await;
        let body = format!(r#"{mark}{{"conversation_id":"c-1","conversation_status":"COMPLETED",{VALUES}}}"#);
        let url = scene.world.stack.url("/v1/flows/hangup");
        let request = scene.world.http.post(url).header("x-api-key", &scene.customer.key).body(body);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED);
        let payload = payload(&scene).await;
        for part in CARRIED {
            assert!(payload.contains(part), "{payload}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_51_an_event_of_the_bus_with_half_a_pair_is_taken() {
    let scene = Scene::set(World::start().await).await;
    let event = format!(
        r#"{{"id":"e-1","source":"\ud83d","detail-type":"conversation.ended","detail":{{"account_id":"{}","conversation_id":"c-1","conversation_status":"FAILED",{VALUES}}}}}"#,
        scene.customer.account_id
    );
    let url = scene.world.stack.invoke_url("Ingest");
    scene.world.http.post(url).body(event).send().await.unwrap();
    let payload = payload(&scene).await;
    for part in CARRIED {
        assert!(payload.contains(part), "{payload}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_51_a_webhook_of_daily_ends_its_conversation_whatever_is_in_fields_that_are_not_used() {
    let end = Daily::ended_by;
    for body in [
        end(r#","note":"\ud83d""#, r#","meeting_id":"\ud83d""#),
        end(r#","x":1e400"#, r#","x":-1e400"#),
        end(&format!(r#","x":{}{}"#, "[".repeat(200), "]".repeat(200)), ""),
        end(r#","event_ts":"soon""#, r#","x":null"#),
        format!("\u{feff}{}", end("", "")),
    ] {
        let scene = Scene::set(World::start().await).await;
        assert_eq!(
            send(scene.daily.body(body.clone())).await,
            (StatusCode::OK, json!({"result": "applied"})),
            "{body}"
        );
        assert_eq!(scene.event().await["event"], "conversation.disconnected", "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_51_dailys_timestamp_may_be_in_milliseconds() {
    let scene = Scene::set(World::start().await).await;
    let (timestamp, body) = (format!("{}000", scene.daily.now), Daily::ended_by("", ""));
    let signature = sign_for_daily(&scene.daily.secret, &timestamp, &body);
    let webhook = scene.daily.http.post(&scene.daily.url).body(body);
    let webhook = webhook.header("x-webhook-timestamp", timestamp).header("x-webhook-signature", signature);
    assert_eq!(send(webhook).await, (StatusCode::OK, json!({"result": "applied"})));
    assert_eq!(scene.event().await["event"], "conversation.disconnected");
}

/// Twilio signs the URL of a tunnel, which a stack without `PublicUrl` does not know.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_without_a_public_url_is_refused_for_that_reason() {
    log::captured();
    let scene = Scene::set(World::start().await).await;
    let tunnel =
        Twilio { url: "https://tunnel.example.com/v1/flows/twilio/x".to_owned(), ..scene.twilio.clone() };
    let (client, request) = tunnel.callback("completed").build_split();
    let mut request = request.unwrap();
    *request.url_mut() = scene.twilio.url.parse().unwrap();
    let answer = send(reqwest::RequestBuilder::from_parts(client, request)).await;
    assert_eq!(answer.0, StatusCode::FORBIDDEN);
    let account = scene.customer.account_id.as_str();
    let lines = log::captured().with(&["callback.refused", account]);
    assert!(lines.len() == 1 && lines[0].contains("NoPublicUrl"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expected_end_in_the_past_is_refused() {
    let (world, _hand) = World::by_hand().await; // at 10:00
    let scene = Scene::set(world).await;
    let put = async |end: &str| {
        let body = json!({"expected_end": end, "notes": end});
        scene.customer.call(Method::PUT, "/v1/conversations/c-1", Some(&body)).await
    };
    for end in
        ["2026-09-01T09:54:59Z", "2026-09-01T00:00:00Z", "1970-01-01T00:00:00Z", "2026-09-01T11:54:00+02:00"]
    {
        let (status, problem) = put(end).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{end}: {problem}");
        assert_eq!(problem["errors"][0]["field"], "expected_end", "{problem}");
    }
    assert_eq!(scene.record().await["notes"], Value::Null);
    for end in ["2026-09-01T09:55:00Z", "2026-09-01T10:30:00Z"] {
        assert_eq!(put(end).await.0, StatusCode::OK, "{end}");
    }
    // A platform's final record says what it had expected.
    let record = json!({"conversation_id": "c-1", "conversation_status": "COMPLETED", "expected_end": "2026-09-01T08:00:00Z"});
    assert_eq!(
        scene.customer.call(Method::POST, "/v1/flows/hangup", Some(&record)).await.0,
        StatusCode::ACCEPTED
    );
    assert_eq!(put("2026-09-01T08:00:00Z").await.0, StatusCode::OK, "it has ended");
}
