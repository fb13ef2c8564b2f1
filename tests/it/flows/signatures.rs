//! Callbacks without a provider's valid signature get the same 403 and change nothing.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Scene;
use crate::described::send;
use crate::providers::{CALL, Daily, Twilio, sign_for_twilio};
use crate::world::World;

async fn assert_all_refused(scene: &Scene, requests: Vec<(&str, RequestBuilder)>) {
    let before = scene.record().await;
    let mut words = None;
    for (what, request) in requests {
        let (status, problem) = send(request).await;
        assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("bad_signature")), "{what}");
        assert_eq!(words.get_or_insert_with(|| problem.clone()), &problem, "{what}");
    }
    scene.assert_untouched(&before).await;
}

/// The request with one header changed or removed.
fn with_header(
    request: RequestBuilder,
    name: &'static str,
    change: impl Fn(&str) -> Option<String>,
) -> RequestBuilder {
    let (client, request) = request.build_split();
    let mut request = request.unwrap();
    let value = request.headers_mut().remove(name).unwrap();
    if let Some(changed) = change(value.to_str().unwrap()) {
        request.headers_mut().insert(name, changed.parse().unwrap());
    }
    RequestBuilder::from_parts(client, request)
}

fn flip_first(text: &str) -> Option<String> {
    let first = if text.starts_with('A') { "B" } else { "A" };
    Some(format!("{first}{}", &text[1..]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_is_not_twilios_is_refused() {
    let scene = Scene::set(World::start().await).await;
    let twilio = &scene.twilio;
    let other = scene.world.customer("Other").await;
    other.set_provider("twilio", &twilio.token).await; // so that only the URL differs
    let ended = |twilio: &Twilio| twilio.callback("completed");
    let elsewhere = |from: &str, to: &str| {
        // Signed for the right URL, sent to another.
        let (client, request) = ended(twilio).build_split();
        let mut request = request.unwrap();
        *request.url_mut() = request.url().as_str().replace(from, to).parse().unwrap();
        RequestBuilder::from_parts(client, request)
    };
    let requests = vec![
        ("another token", ended(&Twilio { token: "other".to_owned(), ..twilio.clone() })),
        ("no signature", with_header(ended(twilio), "x-twilio-signature", |_| None)),
        ("another signature", with_header(ended(twilio), "x-twilio-signature", flip_first)),
        (
            "a signature that is not base64",
            with_header(ended(twilio), "x-twilio-signature", |_| Some("!".to_owned())),
        ),
        ("another body", ended(twilio).body(format!("CallSid={CALL}&CallStatus=failed"))),
        ("an additional parameter", elsewhere("?", "?").query(&[("conversation_id", "c-2")])),
        ("another account", elsewhere(&scene.customer.account_id, &other.account_id)),
        ("no account", elsewhere(&scene.customer.account_id, "acc_none")),
        ("an invalid account id", elsewhere(&scene.customer.account_id, "a%20b")),
        // Without a hash in the URL, Twilio's signature does not cover a body that is not a form.
        ("an unsigned body", {
            let body = json!({"CallSid": CALL, "CallStatus": "completed"}).to_string();
            twilio
                .http
                .post(&twilio.url)
                .header("x-twilio-signature", sign_for_twilio(&twilio.token, &twilio.url, &[]))
                .header("content-type", "application/json")
                .body(body)
        }),
        ("another hash", as_json(twilio, &"0".repeat(64))),
    ];
    assert_all_refused(&scene, requests).await;
    assert_eq!(send(ended(twilio)).await.0, StatusCode::OK, "and the genuine one is accepted");
}

/// A JSON callback whose URL states this hash of the body.
fn as_json(twilio: &Twilio, hash: &str) -> RequestBuilder {
    let url = format!("{}?bodySHA256={hash}", twilio.url);
    twilio
        .http
        .post(&url)
        .header("x-twilio-signature", sign_for_twilio(&twilio.token, &url, &[]))
        .header("content-type", "application/json")
        .body(JSON)
}

const JSON: &str = r#"{"CallSid":"CA00000000000000000000000000000001","CallStatus":"busy","CallDuration":0}"#;

#[tokio::test(flavor = "multi_thread")]
async fn twilio_may_call_by_get_and_with_json_too() {
    let scene = Scene::set(World::start().await).await;
    let hash: String = Sha256::digest(JSON).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(send(as_json(&scene.twilio, &hash)).await.0, StatusCode::OK);
    assert_eq!(scene.event().await["event"], "conversation.disconnected");

    let scene = Scene::set(World::start().await).await;
    let url = format!("{}?CallSid={CALL}&CallStatus=failed&To=%2B14155550123", scene.twilio.url);
    let signature = sign_for_twilio(&scene.twilio.token, &url, &[]);
    let get = |url: &str| scene.twilio.http.get(url).header("x-twilio-signature", &signature);
    assert_eq!(send(get(&url.replace("failed", "busy"))).await.0, StatusCode::FORBIDDEN);
    assert_eq!(send(get(&url)).await.0, StatusCode::OK);
    let payload = scene.event().await;
    assert_eq!(
        (&payload["event"], &payload["to_mobile_number"]),
        (&json!("conversation.failed"), &json!("+14155550123"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn twilio_signs_the_url_that_it_was_given_which_the_request_need_not_show() {
    let public = "https://hooks.example.com/ringback";
    let world = World::start_at(public).await;
    let scene = Scene::set(world).await;
    let path = format!("/v1/flows/twilio/{}", scene.customer.account_id);
    let pairs = [("CallSid", CALL), ("CallStatus", "completed")];
    let call = |signed: String| {
        let signature = sign_for_twilio(&scene.twilio.token, &signed, &pairs);
        let mut request = scene.twilio.form(&pairs);
        request = with_header(request, "x-twilio-signature", move |_| Some(signature.clone()));
        request
    };
    let before = scene.record().await;
    assert_eq!(
        send(call(scene.twilio.url.clone())).await.0,
        StatusCode::FORBIDDEN,
        "as the request shows it"
    );
    scene.assert_untouched(&before).await;
    let with_port = format!("https://hooks.example.com:443/ringback{path}");
    assert_eq!(send(call(with_port)).await.0, StatusCode::OK);
    assert_eq!(send(call(format!("{public}{path}"))).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_not_dailys_is_refused() {
    let scene = Scene::set(World::start().await).await;
    let daily = &scene.daily;
    let other = scene.world.customer("Other").await;
    other.set_provider("daily", "dGhlIHNlY3JldCBvZiBvdGhlcnM=").await;
    let ended = |daily: &Daily| daily.webhook("meeting.ended", &json!({}));
    let requests = vec![
        (
            "another secret",
            ended(&Daily { secret: "dGhlIHNlY3JldCBvZiBvdGhlcnM=".to_owned(), ..daily.clone() }),
        ),
        ("no signature", with_header(ended(daily), "x-webhook-signature", |_| None)),
        ("no timestamp", with_header(ended(daily), "x-webhook-timestamp", |_| None)),
        ("another signature", with_header(ended(daily), "x-webhook-signature", flip_first)),
        (
            "another timestamp",
            with_header(ended(daily), "x-webhook-timestamp", |_| Some((daily.now + 1).to_string())),
        ),
        ("another body", ended(daily).body(r#"{"test":"tesT"}"#)),
        ("an old timestamp", ended(&Daily { now: daily.now - 301, ..daily.clone() })),
        (
            "another account",
            ended(&Daily {
                url: daily.url.replace(&scene.customer.account_id, &other.account_id),
                ..daily.clone()
            }),
        ),
    ];
    assert_all_refused(&scene, requests).await;
    assert_eq!(send(ended(daily)).await.0, StatusCode::OK, "and the genuine one is accepted");
}
