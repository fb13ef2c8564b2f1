//! Fuzz tests of the fields of a destination.

use domain::destination::egress::EgressPolicy;
use domain::destination::record::{Format, RequestType};
use domain::destination::signature::SigningSecret;
use domain::shared::ids::DestinationId;
use domain::shared::invalid::Invalid;
use domain::shared::json::JsonObject;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::{Fuzz, PlaintextVault, assert_readable, sample};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue};

use crate::form::Form;
use crate::view::DestinationView;

/// Fragments of headers and names.
const WORDS: [&str; 14] = [
    "\"webhook-signature\":\"",
    "\"content-length\":\"1\",",
    "\"Host\":\"",
    "\"X-A\":\"b\",",
    "\"x-a\":\"b\",",
    "\"headers\":{",
    "\"events\":[\"conversation.failed\"],",
    "\"format\":\"json\",",
    "\"request_type\":\"GET\",",
    "\"agent_ids\":[\"",
    "?event=",
    "\\r\\n",
    "\u{7f}",
    "********",
];

/// Headers that frame and route a request.
const RESERVED: [&str; 4] = ["host", "content-length", "content-type", "transfer-encoding"];

#[test]
fn a_form_is_a_destination_or_a_field_is_named() {
    let fuzz = Fuzz::of("forms")
        .with_samples("destinations", |sample| Some(sample["body"].as_str()?.to_owned()))
        .with_words(&WORDS);
    fuzz.run(|input| {
        let Ok(fields) = serde_json::from_slice::<JsonObject>(input) else { return };
        let id = DestinationId::new([7; 8], &[]);
        let form = match Form::parse(&fields, &EgressPolicy::PublicOnly) {
            Ok(form) => form,
            Err(error) => return assert_readable(&error),
        };
        let (secret, now) = (SigningSecret::new([7; 32]), Timestamp::from_millis(7));
        let made = form.create(sample::account(), id, secret, now, &PlaintextVault).now_or_never().unwrap();
        match made {
            Ok(made) => {
                let secrets = made.decrypt_secrets(&PlaintextVault).now_or_never().unwrap().unwrap();
                for (name, value) in secrets.headers.iter() {
                    assert!(!name.starts_with("webhook-") && !RESERVED.contains(&name), "{name} is reserved");
                    assert!(
                        HeaderName::from_bytes(name.as_bytes()).is_ok()
                            && HeaderValue::from_str(value).is_ok()
                    );
                }
                assert!(
                    made.request_type != RequestType::Get || made.format == Format::Form,
                    "a GET has no body"
                );
                let shown = serde_json::to_value(DestinationView::new(&made, None, Timestamp::default()));
                assert!(shown.unwrap()["url"].as_str().unwrap().starts_with("https://"));
            }
            Err(problem) => {
                let errors = &serde_json::to_value(&problem).unwrap()["errors"];
                let (field, rule) = (&errors[0]["field"], &errors[0]["rule"]);
                assert_readable(&Invalid::new(
                    field.as_str().unwrap().to_owned(),
                    rule.as_str().unwrap().to_owned(),
                ));
            }
        }
    });
}
