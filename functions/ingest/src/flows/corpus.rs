//! What real senders got wrong: the tables of `tests/corpus/inbound`.

use std::sync::Arc;

use adapters::http::request::Request;
use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::conversation::ended::CompletionFlow;
use domain::conversation::fields::ConversationFields;
use domain::conversation::store::ConversationLookup;
use domain::event::kind::EventKind;
use domain::event::message::EventMessage;
use domain::lifecycle::callback::Callbacks;
use domain::lifecycle::complete::Complete;
use domain::lifecycle::provider_callback::{CallProgress, ProviderCallback};
use domain::shared::clock::Clock;
use domain::shared::ids::ConversationId;
use domain::shared::invalid::Invalid;
use domain::shared::json::JsonObject;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::{
    ManualClock, MemoryConversations, MemoryEvents, MemoryQueue, MemoryReferences, SeededRandomness, corpus,
    sample,
};
use serde_json::json;
use serde_json::value::RawValue;

use super::stated::Stated;
use super::twilio::callback::Parameters;
use super::{daily, event_bridge, twilio};

/// When the callbacks of the tables arrive.
const NOW: Timestamp = Timestamp::from_millis(1_756_720_062_000);

/// Compares each row's last column with what becomes of its input, where that is something; names all that differ.
fn check(table: &str, outcome: impl Fn(&[u8]) -> Option<String>) {
    let mut differ = Vec::new();
    for [what, input, expected] in corpus::<3>(table) {
        let [what, expected] = [what, expected].map(|column| String::from_utf8(column).unwrap());
        if let Some(actual) = outcome(&input).filter(|actual| *actual != expected) {
            differ.push(format!("{what}:\n    {actual}\n    should be {expected}"));
        }
    }
    assert!(differ.is_empty(), "{table}:\n{}", differ.join("\n"));
}

fn refused(invalid: &Invalid) -> String {
    format!("!{invalid}")
}

/// The field that a report states besides its id and status, as it would be sent on.
fn carried(stated: Result<Stated, Invalid>) -> String {
    let (flow, known) = (CompletionFlow::Hangup, ConversationFields::default());
    let completion = match stated {
        Ok(stated) => stated.completion(sample::account(), flow, known),
        Err(invalid) => return refused(&invalid),
    };
    let fields = JsonObject::parse(completion.stated.fields.to_json().as_bytes(), "fields").unwrap();
    let given = fields.into_iter().filter(|(name, _)| name != "conversation_status");
    given.map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn row_51_what_a_platform_sends_is_passed_on_or_refused_by_the_true_rule() {
    check("inbound/platform", |body| {
        let mut event = ApiGatewayV2httpRequest::default();
        event.body = Some(STANDARD.encode(body));
        event.is_base64_encoded = true;
        Some(match Request::read(event).unwrap().json() {
            Ok(fields) => carried(Stated::parse(fields)),
            Err(problem) => {
                let problem = serde_json::to_value(&problem).unwrap();
                format!("!{}", problem["detail"].as_str().unwrap().trim_end_matches('.'))
            }
        })
    });
}

#[test]
fn row_51_what_the_bus_brings_is_passed_on_or_refused_by_the_true_rule() {
    check("inbound/platform", |body| {
        let detail = String::from_utf8_lossy(body).replacen('{', r#"{"account_id":"acc_1","#, 1);
        // The bus brings only what is JSON, without a byte order mark.
        let detail = RawValue::from_string(detail).ok()?;
        let stated = event_bridge::parse(&detail).map(|(_, stated)| stated);
        Some(carried(stated).replace("!detail", "!body"))
    });
}

#[test]
fn row_51_a_webhook_of_daily_is_read_by_the_fields_that_are_used() {
    check("inbound/daily", |body| {
        Some(described(daily::callback::read(body, NOW), |callback| {
            let began = callback.began.map(|at| format!(" began={}", at.as_millis())).unwrap_or_default();
            format!("{}{began} at={}", callback.reference.id(), callback.at.as_millis())
        }))
    });
}

#[test]
fn row_51_a_callback_of_twilio_is_read_by_the_fields_that_are_used() {
    check("inbound/twilio", |body| {
        let is_json = body.contains(&b'{');
        let parameters = if is_json { Parameters::of_json(body) } else { Ok(Parameters::of_form(body)) };
        let callback = parameters.and_then(|parameters| {
            let callback = twilio::callback::read(&parameters, NOW)?;
            Ok(callback.filter(|_| !parameters.is_of_a_leg()))
        });
        Some(described(callback, |callback| {
            let duration =
                callback.known.conversation_duration.as_ref().map(|seconds| format!(" {}", seconds.json()));
            format!("{}{}", callback.reference.id(), duration.unwrap_or_default())
        }))
    });
}

fn described(
    read: Result<Option<ProviderCallback>, Invalid>,
    more: impl Fn(&ProviderCallback) -> String,
) -> String {
    let callback = match read {
        Ok(Some(callback)) => callback,
        Ok(None) => return "ignored".to_owned(),
        Err(invalid) => return refused(&invalid),
    };
    let progress = match callback.progress {
        CallProgress::Ended(_) => json!("ended"),
        progress => json!(progress),
    };
    format!("{} {}", progress.as_str().unwrap(), more(&callback))
}

#[tokio::test]
async fn row_52_the_end_of_a_leg_is_not_the_end_of_the_conversation() {
    let mut differ = Vec::new();
    for [what, types, expected] in corpus::<3>("inbound/legs") {
        let [what, types, expected] =
            [what, types, expected].map(|column| String::from_utf8(column).unwrap());
        let ended = end_of(&types).await.map_or("open", |kind| match kind {
            EventKind::Completed => "completed",
            EventKind::Disconnected => "disconnected",
            EventKind::Failed => "failed",
            _ => "a notice",
        });
        if ended != expected {
            differ.push(format!("{what}: {ended}, should be {expected}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// How a conversation ends whose room reports these types, a minute apart.
async fn end_of(types: &str) -> Option<EventKind> {
    let clock = ManualClock::new(NOW.as_millis());
    let (conversations, events) = (MemoryConversations::default(), MemoryQueue::<EventMessage>::default());
    let shared = || Arc::new(clock.clone());
    let complete = Complete::new(
        conversations.clone(),
        events.clone(),
        MemoryEvents::default(),
        sample::SPANS,
        shared(),
        Arc::new(SeededRandomness::new(7)),
    );
    let references = MemoryReferences::new(clock.clone());
    let callbacks = Callbacks::new(complete, conversations.clone(), references, shared());
    let (account, id) = (sample::account(), ConversationId::parse("c-1").unwrap());
    let mut linked = false;
    for (number, kind) in types.split(' ').enumerate() {
        let (kind, owner) = kind.split_once(':').map_or((kind, false), |(kind, _)| (kind, true));
        let at = NOW.as_secs() + 60 * number as u64;
        let mut payload = json!({"room": "r1", "owner": owner, "start_ts": NOW.as_secs()});
        payload[if kind == "meeting.ended" { "end_ts" } else { "timestamp" }] = json!(at);
        let body = json!({"type": kind, "id": format!("i-{number}"), "payload": payload, "event_ts": at})
            .to_string();
        if let Some(callback) = daily::callback::read(body.as_bytes(), clock.now()).unwrap() {
            if !linked {
                callbacks
                    .link(&account, &id, std::slice::from_ref(&callback.reference), false)
                    .await
                    .unwrap();
                linked = true;
            }
            callbacks.receive(&account, &callback, None).await.unwrap();
        }
        clock.advance(std::time::Duration::from_secs(60));
    }
    let ended = conversations.load(&account, &id).await.unwrap().kept()?.ended?;
    assert_eq!(events.sent().len(), 1, "{types}");
    Some(ended.kind)
}
