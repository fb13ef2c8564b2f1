//! What must hold of any callback that comes in Twilio's name.

use domain::fakes::{Fuzz, assert_readable};
use domain::provider::{Provider, ProviderSecret};
use domain::timestamp::Timestamp;

use super::callback::{Parameters, read};
use super::signature::Signed;

#[test]
fn a_callback_is_a_signal_or_a_field_is_named() {
    let fuzz = Fuzz::of("twilio").with_samples("ingest", |sample| {
        sample["routeKey"].as_str()?.contains("twilio").then_some(sample["body"].as_str()?.to_owned())
    });
    fuzz.run(|input| {
        let parsed = [Ok(Parameters::of_form(input)), Parameters::of_json(input)];
        for parameters in parsed {
            match parameters.and_then(|parameters| read(&parameters, Timestamp::from_millis(7))) {
                Ok(signal) => drop(signal),
                Err(error) => assert_readable(&error),
            }
        }
    });
}

/// A line each: the URL, the form, the signature.
#[test]
fn only_what_twilio_has_signed_is_verified() {
    let token = ProviderSecret::parse(Provider::Twilio, "12345").unwrap();
    let split = |text: &str| {
        let mut lines = text.splitn(3, '\n').map(str::to_owned);
        Some((lines.next()?, Parameters::of_form(lines.next()?.as_bytes()), lines.next()?))
    };
    let genuine = Fuzz::of("signatures").seed(0);
    let genuine = split(&genuine).unwrap();
    Fuzz::of("signatures").run(|input| {
        let Some((url, form, signature)) = std::str::from_utf8(input).ok().and_then(split) else { return };
        // What is signed is the URL with the parameters after it, in order, each once: another form can be the same.
        let content = |url: &str, form: &Parameters| format!("{url}{}", super::signature::in_order(&form.0));
        let same = content(&url, &form) == content(&genuine.0, &genuine.1) && signature == genuine.2;
        let verified = Signed::Form(form).verify(&token, &[url], Some(&signature)).is_ok();
        assert_eq!(verified, same);
    });
}
