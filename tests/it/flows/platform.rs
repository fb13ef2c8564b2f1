//! The platform's own flows over HTTP.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Scene;
use crate::world::{World, text};

#[tokio::test(flavor = "multi_thread")]
async fn an_outbound_call_ends_by_its_answer_or_by_what_is_stated() {
    for (body, event) in [
        (json!({"answered": true, "conversation_duration": 142}), "completed"),
        (json!({"answered": false}), "disconnected"),
        (json!({"answered": false, "conversation_status": "FAILED"}), "failed"),
    ] {
        let scene = Scene::set(World::start().await).await;
        let mut call: Value = body.clone();
        call["conversation_id"] = json!("c-1");
        let (status, answer) =
            scene.customer.call(Method::POST, "/v1/flows/outbound-call", Some(&call)).await;
        assert_eq!(
            (status, &answer["event"]),
            (StatusCode::ACCEPTED, &json!(format!("conversation.{event}")))
        );
        let payload = scene.event().await;
        assert_eq!(payload["event"], format!("conversation.{event}"));
        assert_eq!(payload["calling_type"], "OUTBOUND");
        assert_eq!(scene.record().await["ended_by"], "outbound_call");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_of_the_platform_names_its_field_and_changes_nothing() {
    let scene = Scene::set(World::start().await).await;
    let before = scene.record().await;
    for (path, body, field) in [
        ("outbound-call", json!({"conversation_id": "c-1"}), "answered"),
        ("outbound-call", json!({"conversation_id": "c-1", "answered": "yes"}), "answered"),
        ("outbound-call", json!({"answered": true}), "conversation_id"),
        ("hangup", json!({"conversation_id": "c-1", "answered": true}), "answered"),
        ("hangup", json!({"conversation_id": "c-1"}), "conversation_status"),
        (
            "hangup",
            json!({"conversation_id": "c-1", "conversation_status": "PENDING"}),
            "conversation_status",
        ),
        ("hangup", json!({"conversation_id": "c 1", "conversation_status": "FAILED"}), "conversation_id"),
    ] {
        let (status, problem) =
            scene.customer.call(Method::POST, &format!("/v1/flows/{path}"), Some(&body)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
    scene.assert_untouched(&before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_secret_can_be_set_and_taken_away_and_is_never_shown() {
    let scene = Scene::set(World::start().await).await;
    let customer = &scene.customer;
    for (provider, secret) in
        [("twilio", "fifteen letters"), ("twilio", "short"), ("daily", "not base64"), ("daily", "c2hvcnQ=")]
    {
        let body = json!({"secret": secret});
        let path = format!("/v1/providers/{provider}");
        let (status, problem) = customer.call(Method::PUT, &path, Some(&body)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{provider} {secret}");
        assert_eq!(problem["errors"][0]["field"], "secret");
    }
    let body = json!({"secret": "x"});
    let (status, _) = customer.call(Method::PUT, "/v1/providers/vonage", Some(&body)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let listed = customer.get("/v1/providers").await;
    assert_eq!(listed["providers"].as_array().unwrap().len(), 2);
    let path = format!("/v1/flows/daily/{}", customer.account_id);
    assert_eq!(listed["providers"][0]["callback_path"], path);
    assert_eq!(listed["providers"][0]["callback_url"], scene.world.stack.url(&path));
    assert_eq!(listed["providers"][0]["warning"], Value::Null);
    assert!(
        text(&listed["providers"][1]["warning"]).contains("PublicUrl"),
        "Twilio cannot call this machine"
    );
    assert!(
        !listed.to_string().contains(&scene.twilio.token)
            && !listed.to_string().contains(&scene.daily.secret)
    );

    assert_eq!(customer.call(Method::DELETE, "/v1/providers/twilio", None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(customer.call(Method::DELETE, "/v1/providers/twilio", None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(scene.twilio.call("completed").await.0, StatusCode::FORBIDDEN, "no secret, no callback");
    let direct = json!({"set_provider_secret": {
        "account_id": customer.account_id, "provider": "twilio", "secret": scene.twilio.token,
    }});
    let set = scene.world.stack.invoke("Destinations", &direct).await.unwrap();
    assert!(!set.to_string().contains(&scene.twilio.token));
    assert_eq!(scene.twilio.call("completed").await.0, StatusCode::OK);
}
