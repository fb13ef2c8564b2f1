//! The mapping of callbacks to the three events: every row of the table.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Scene;
use crate::described::send;
use crate::providers::{CALL, Twilio};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn every_status_of_twilio_makes_its_event() {
    for (status, event, is) in [
        ("completed", "conversation.completed", "COMPLETED"),
        ("busy", "conversation.disconnected", "DISCONNECTED"),
        ("no-answer", "conversation.disconnected", "DISCONNECTED"),
        ("canceled", "conversation.disconnected", "DISCONNECTED"),
        ("failed", "conversation.failed", "FAILED"),
    ] {
        let scene = Scene::set(World::start().await).await;
        for before in ["initiated", "ringing"] {
            assert_eq!(scene.twilio.call(before).await, (StatusCode::OK, json!({"result": "applied"})));
        }
        if status == "completed" {
            scene.twilio.call("in-progress").await;
            assert_eq!(scene.record().await["conversation_status"], "IN_PROGRESS");
        } else {
            assert_eq!(scene.record().await["conversation_status"], "PENDING");
        }
        assert!(scene.world.stack.receiver.received("/hooks").is_empty(), "progress sends nothing");
        assert_eq!(scene.twilio.call(status).await.0, StatusCode::OK);
        let payload = scene.event().await;
        assert_eq!(
            (&payload["event"], &payload["conversation_status"]),
            (&json!(event), &json!(is)),
            "{status}"
        );
        assert_eq!(payload["conversation_id"], "c-1");
        assert_eq!(payload["conversation_duration"], 7);
        assert_eq!(
            (&payload["calling_type"], &payload["telephony_provider"]),
            (&json!("OUTBOUND"), &json!("TWILIO"))
        );
        assert_eq!(
            (&payload["to_mobile_number"], &payload["from_mobile_number"]),
            (&json!("+14155550123"), &json!("+14155550999"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_daily_makes_its_event() {
    let meeting = json!({"start_ts": 1_756_720_000.1, "end_ts": 1_756_720_060.2, "meeting_id": "m"});
    let call = json!({"destination": "+14155550123", "origin": "+14155550999", "timestamp": "1756720001"});
    let other = json!({"destination": "+14155550124", "origin": "+14155550999", "timestamp": "1756720000"});
    let visitor = json!({"owner": false});
    let agent = json!({"owner": true});
    let none = json!({});
    type Webhook<'a> = (&'a str, &'a Value);
    let rows: [(&[Webhook<'_>], &str); 12] = [
        (&[("participant.left", &visitor)], "completed"),
        (&[("dialout.answered", &call)], "completed"),
        (&[("dialout.answered", &call), ("dialout.stopped", &call)], "completed"),
        (&[("dialin.connected", &none), ("dialin.stopped", &none)], "completed"),
        // A second try is answered; a caller's transfer fails.
        (&[("dialout.error", &other), ("dialout.answered", &call)], "completed"),
        (&[("dialin.connected", &none), ("dialout.error", &call)], "completed"),
        (&[], "disconnected"),
        (&[("participant.left", &agent)], "disconnected"),
        (&[("dialout.stopped", &call)], "disconnected"),
        (&[("dialin.stopped", &none)], "disconnected"),
        (&[("dialout.error", &call)], "failed"),
        (&[("dialin.error", &none)], "failed"),
    ];
    for (before, event) in rows {
        let scene = Scene::set(World::start().await).await;
        for (kind, payload) in before {
            assert_eq!(send(scene.daily.webhook(kind, payload)).await.0, StatusCode::OK);
        }
        assert!(scene.world.stack.receiver.received("/hooks").is_empty(), "news of a leg sends nothing");
        assert_eq!(send(scene.daily.webhook("meeting.ended", &meeting)).await.0, StatusCode::OK);
        let sent = scene.event().await;
        assert_eq!(sent["event"], format!("conversation.{event}"), "{before:?}");
        assert_eq!(sent["conversation_duration"], 60);
        let has = |wanted: &str| before.iter().any(|(kind, _)| *kind == wanted);
        if has("dialout.answered") || has("dialout.error") && event == "failed" {
            assert_eq!(sent["to_mobile_number"], "+14155550123", "{before:?}");
            assert_eq!(
                (&sent["conversation_type"], &sent["telephony_provider"]),
                (&json!("TELEPHONY"), &json!("DAILY"))
            );
        }
    }
}

/// Up to ten legs ring, the rest are hung up; each has callbacks of its own.
#[tokio::test(flavor = "multi_thread")]
async fn row_52_a_child_leg_of_a_call_ends_nothing_and_tells_nothing() {
    let scene = Scene::set(World::start().await).await;
    scene.twilio.call("in-progress").await;
    let before = scene.record().await;
    let url = format!("{}?conversation_id=c-1", scene.twilio.url);
    let naming = Twilio { url, ..scene.twilio.clone() };
    for (number, status) in
        ["initiated", "ringing", "in-progress", "completed", "no-answer", "failed"].iter().enumerate()
    {
        let sid = format!("CA0000000000000000000000000000009{number}");
        let leg = naming.form(&[
            ("CallSid", sid.as_str()),
            ("ParentCallSid", CALL),
            ("CallStatus", status),
            ("Direction", "outbound-dial"),
            ("To", "+14155550777"),
            ("CallDuration", "9"),
        ]);
        assert_eq!(send(leg).await, (StatusCode::OK, json!({"result": "ignored"})), "{status}");
    }
    scene.assert_untouched(&before).await;
    scene.twilio.call("completed").await;
    let payload = scene.event().await;
    assert_eq!(payload["event"], "conversation.completed");
    assert_eq!(
        (&payload["conversation_duration"], &payload["to_mobile_number"]),
        (&json!(7), &json!("+14155550123"))
    );
}

/// A conversation may be about a leg: its agent was dialed by another call.
#[tokio::test(flavor = "multi_thread")]
async fn row_52_a_child_leg_that_is_a_conversations_own_call_ends_it() {
    let scene = Scene::set(World::start().await).await;
    let leg = "CA00000000000000000000000000000099";
    let callback = |status: &str| {
        let fields =
            [("CallSid", leg), ("ParentCallSid", CALL), ("CallStatus", status), ("CallDuration", "9")];
        scene.twilio.form(&fields)
    };
    assert_eq!(send(callback("in-progress")).await, (StatusCode::OK, json!({"result": "ignored"})));
    scene.customer.put_conversation("c-2", &json!({"twilio_call_sid": leg})).await;
    for status in ["in-progress", "completed"] {
        assert_eq!(send(callback(status)).await, (StatusCode::OK, json!({"result": "applied"})), "{status}");
    }
    let payload = scene.event().await;
    assert_eq!(
        (&payload["conversation_id"], &payload["event"], &payload["conversation_duration"]),
        (&json!("c-2"), &json!("conversation.completed"), &json!(9))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_platform_knows_is_not_overwritten_by_what_a_provider_saw() {
    let scene = Scene::set(World::start().await).await;
    let stated = json!({"to_mobile_number": "+1", "conversation_duration": 3, "telephony_provider": "SIP"});
    scene.customer.put_conversation("c-1", &stated).await;
    scene.twilio.call("completed").await;
    let payload = scene.event().await;
    assert_eq!(payload["to_mobile_number"], "+1");
    assert_eq!(payload["conversation_duration"], 3);
    assert_eq!(payload["telephony_provider"], "SIP");
    assert_eq!(payload["from_mobile_number"], "+14155550999");
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_late_callbacks_change_nothing() {
    let scene = Scene::set(World::start().await).await;
    scene.twilio.call("in-progress").await;
    scene.twilio.call("completed").await;
    let before = scene.record().await;
    for status in ["completed", "ringing", "in-progress", "teleported", "completed"] {
        assert_eq!(scene.twilio.call(status).await.0, StatusCode::OK, "{status}");
    }
    assert_eq!(scene.record().await, before);
    scene.event().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_of_daily_and_types_that_do_not_matter_are_answered_200() {
    let scene = Scene::set(World::start().await).await;
    let before = scene.record().await;
    let probe = scene.daily.http.post(&scene.daily.url).body(r#"{"test":"test"}"#);
    let ignored = (StatusCode::OK, json!({"result": "ignored"}));
    assert_eq!(send(probe).await, ignored);
    assert_eq!(scene.daily.call("recording.started").await, ignored);
    assert_eq!(send(scene.daily.body("not json".to_owned())).await, ignored);
    assert_eq!(send(scene.daily.body(r#"{"type":"meeting.ended"}"#.to_owned())).await, ignored);
    scene.assert_untouched(&before).await;
}
