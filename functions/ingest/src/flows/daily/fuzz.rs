//! Fuzz tests of requests to the Daily route.

use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::{Fuzz, assert_readable};

use super::callback::{is_probe, read};
use super::signature::verify;

/// Fragments of webhooks.
const WORDS: [&str; 12] = [
    "\"type\":\"dialin.error\",",
    "\"type\":\"participant.left\",",
    "\"room\":\"r1\",",
    "\"end_ts\":",
    "\"joined_at\":",
    "\"timestamp\":\"",
    "\"owner\":true,",
    "\"test\":\"test\"",
    "\\ud83d",
    "\\udc4b",
    "1e400",
    "\u{feff}",
];

#[test]
fn a_webhook_is_a_signal_or_a_field_is_named() {
    let fuzz = Fuzz::of("daily").with_words(&WORDS).with_samples("ingest", |sample| {
        sample["routeKey"].as_str()?.contains("daily").then_some(sample["body"].as_str()?.to_owned())
    });
    let now = Timestamp::from_millis(1_756_720_062_000);
    fuzz.run(|input| match read(input, now) {
        Ok(callback) => {
            assert!(!is_probe(input), "a probe is not a webhook");
            let moments = callback.iter().flat_map(|callback| [Some(callback.at), callback.began]).flatten();
            for moment in moments {
                assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment));
            }
        }
        Err(error) => assert_readable(&error),
    });
}

/// Input lines: timestamp, body, signature.
#[test]
fn only_what_daily_has_signed_is_verified() {
    let secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let now = Timestamp::from_millis(1_756_720_062_000);
    let genuine = Fuzz::of("daily-signatures").seed(0);
    Fuzz::of("daily-signatures").run(|input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let Some((timestamp, rest)) = text.split_once('\n') else { return };
        let Some((body, signature)) = rest.rsplit_once('\n') else { return };
        let verified = verify(secret, Some(timestamp), Some(signature), body.as_bytes(), now).is_ok();
        assert_eq!(verified, text == genuine);
    });
}
