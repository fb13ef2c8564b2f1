//! Two providers report the same end at once.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use super::Scene;
use crate::described::send;
use crate::world::World;

/// Callbacks of each provider.
const EACH: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_reports_of_one_end_make_one_event_and_one_note() {
    for twilio_first in [true, false] {
        let scene = Scene::set(World::start().await).await;
        scene.twilio.call("in-progress").await;
        let calls = (0..EACH).flat_map(|_| {
            let pair = [scene.twilio.callback("completed"), scene.daily.webhook("meeting.ended", &json!({}))];
            if twilio_first {
                pair
            } else {
                let [a, b] = pair;
                [b, a]
            }
        });
        let answers = join_all(calls.map(send)).await;
        assert_eq!(answers.len(), 2 * EACH);
        for (index, (status, answer)) in answers.into_iter().enumerate() {
            assert_eq!(status, StatusCode::OK, "{answer}");
            // Daily gets its answer within four seconds, which a slow machine may need for so many callbacks.
            let is_twilios = (index % 2 == 0) == twilio_first;
            assert!(
                answer["result"] == "applied" || !is_twilios && answer["result"] == "ignored",
                "{answer}"
            );
        }
        for last in [scene.twilio.callback("completed"), scene.daily.webhook("meeting.ended", &json!({}))] {
            assert_eq!(send(last).await, (StatusCode::OK, json!({"result": "applied"})));
        }
        assert_eq!(scene.event().await["event"], "conversation.completed");
        let record = scene.record().await;
        let notes = record["late_signals"].as_array().unwrap();
        assert_eq!(notes.len(), 1, "{record}");
        assert_eq!(notes[0]["event"], "conversation.completed");
        assert_ne!(notes[0]["flow"], record["ended_by"]);
    }
}
