//! What must hold of whatever a caller says of a destination.

use domain::destination::egress::AddressPolicy;
use domain::destination::signature::SigningSecret;
use domain::shared::ids::DestinationId;
use domain::shared::json::Fields;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::{Fuzz, GlassVault, assert_readable, sample};
use http::{HeaderName, HeaderValue};

use crate::form::Form;
use crate::view::View;

/// What headers and names are made of.
const WORDS: [&str; 10] = [
    "\"webhook-signature\":\"",
    "\"content-length\":\"1\",",
    "\"Host\":\"",
    "\"X-A\":\"b\",",
    "\"x-a\":\"b\",",
    "\"headers\":{",
    "\"events\":[\"conversation.failed\"],",
    "\\r\\n",
    "\u{7f}",
    "********",
];

/// What frames and routes a request.
const OURS: [&str; 4] = ["host", "content-length", "content-type", "transfer-encoding"];

#[test]
fn a_form_is_a_destination_or_a_field_is_named() {
    let fuzz = Fuzz::of("forms")
        .with_samples("destinations", |sample| Some(sample["body"].as_str()?.to_owned()))
        .with_words(&WORDS);
    fuzz.run(|input| {
        let Ok(fields) = serde_json::from_slice::<Fields>(input) else { return };
        let id = DestinationId::new([7; 8]);
        let create = |form: Form| {
            form.create(sample::account(), id, SigningSecret::new([7; 32]), Timestamp::from_millis(7))
        };
        match Form::parse(&fields, &AddressPolicy::PublicOnly).and_then(create) {
            Ok(made) => {
                for (name, value) in made.private.headers.iter() {
                    assert!(!name.starts_with("webhook-") && !OURS.contains(&name), "{name} is ours");
                    assert!(
                        HeaderName::from_bytes(name.as_bytes()).is_ok()
                            && HeaderValue::from_str(value).is_ok()
                    );
                }
                let shown = serde_json::to_value(View::new(&GlassVault::close(made), Timestamp::default()));
                assert!(shown.unwrap()["url"].as_str().unwrap().starts_with("https://"));
            }
            Err(error) => assert_readable(&error),
        }
    });
}
