//! Fuzz tests of bodies sent to the platform's flows.

use domain::shared::json::JsonObject;
use domain::testing::fakes::{Fuzz, assert_readable};
use serde_json::value::RawValue;

use super::stated::Stated;
use super::{event_bridge, outbound_call};

/// Fragments of reports that a conversation ended.
const WORDS: [&str; 11] = [
    "\\ud83d",
    "\\udc4b",
    "1e400",
    "\"account_id\":\"acc_1\",",
    "\"conversation_id\":\"c-1\",",
    "\"conversation_status\":\"COMPLETED\",",
    "\"conversation_status\":null,",
    "\"answered\":true,",
    "\"answered\":false,",
    "\"twilio_call_sid\":\"CA1\",",
    "\"expected_end\":\"9999-12-31T23:59:59.999-01:00\",",
];

#[test]
fn what_the_platform_says_is_taken_or_a_field_is_named() {
    let fuzz = Fuzz::of("bodies").with_words(&WORDS).with_samples("ingest", |sample| {
        let route = sample["routeKey"].as_str()?;
        (route.starts_with("POST") && !route.contains('{')).then_some(sample["body"].as_str()?.to_owned())
    });
    fuzz.run(|input| {
        let parse = || JsonObject::parse(input, "body").ok();
        let (Some(one), Some(other)) = (parse(), parse()) else { return };
        let account = domain::testing::fakes::sample::account();
        if let Err(error) = outbound_call::parse(account, one) {
            assert_readable(&error);
        }
        if let Err(error) = Stated::parse(other) {
            assert_readable(&error);
        }
    });
}

/// The errors end up in the failure destination and the log, so they must be short.
#[test]
fn what_the_bus_says_is_taken_or_told_in_a_few_words() {
    let fuzz = Fuzz::of("bodies")
        .with_words(&WORDS)
        .with_samples("ingest", |sample| Some(sample.get("detail")?.to_string()));
    fuzz.run(|input| {
        let Ok(text) = String::from_utf8(input.to_vec()) else { return };
        let Ok(detail) = RawValue::from_string(text) else { return };
        if let Err(error) = event_bridge::parse(&detail) {
            assert!(error.to_string().len() <= 2500, "{error}");
        }
    });
}
