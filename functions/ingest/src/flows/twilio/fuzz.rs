//! Fuzz tests of requests to the Twilio route.

use adapters::http::request::Request;
use adapters::public_url::PublicUrl;
use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::shared::ids::hex;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::{Fuzz, assert_readable, sample};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::callback::{Parameters, read};
use super::signature::Signed;
use crate::flows::provider::Failure;

#[test]
fn a_callback_is_a_signal_or_a_field_is_named() {
    let fuzz = Fuzz::of("twilio").with_samples("ingest", |sample| {
        sample["routeKey"].as_str()?.contains("twilio").then_some(sample["body"].as_str()?.to_owned())
    });
    fuzz.run(|input| {
        let parsed = [Ok(Parameters::of_form(input)), Parameters::of_json(input)];
        for parameters in parsed {
            match parameters.and_then(|parameters| read(&parameters, Timestamp::from_millis(7))) {
                Ok(callback) => drop(callback),
                Err(error) => assert_readable(&error),
            }
        }
    });
}

/// Input lines: URL, form, signature.
#[test]
fn only_what_twilio_has_signed_is_verified() {
    let split = |text: &str| {
        let mut lines = text.splitn(3, '\n').map(str::to_owned);
        Some((lines.next()?, lines.next()?, lines.next()?))
    };
    let genuine = Fuzz::of("signatures").seed(0);
    let genuine = split(&genuine).unwrap();
    Fuzz::of("signatures").run(|input| {
        let Some((url, form, signature)) = std::str::from_utf8(input).ok().and_then(split) else { return };
        // Twilio signs the URL followed by the sorted parameters, each once: two forms can have the same signature.
        let content = |url: &str, form: &str| {
            [url.as_bytes(), &super::signature::canonical_parameters(form.as_bytes())].concat()
        };
        let same = content(&url, &form) == content(&genuine.0, &genuine.1) && signature == genuine.2;
        let verified = Signed::Form(form.as_bytes()).verify(TOKEN, &[url], Some(&signature)).is_ok();
        assert_eq!(verified, same);
    });
}

const TOKEN: &str = "12345";
const URL: &str = "https://api.example.com/v1/flows/twilio/acc_1";

fn sign(query: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).unwrap();
    mac.update(format!("{URL}?{query}").as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Whether the request is trusted, even if it cannot be parsed; `None` if these parts do not make a request.
fn is_believed(method: &str, [query, content_type, signature, body]: [&str; 4]) -> Option<bool> {
    let mut event = ApiGatewayV2httpRequest::default();
    event.route_key = Some(format!("{method} /v1/flows/twilio/{{account_id}}"));
    event.raw_query_string = Some(query.to_owned());
    event.headers.insert("content-type", content_type.parse().ok()?);
    event.headers.insert("x-twilio-signature", signature.parse().ok()?);
    event.body = Some(body.to_owned());
    let url = PublicUrl::parse("https://api.example.com").unwrap();
    let request = Request::read(event).ok()?;
    let verified = super::verify(&url, &sample::account(), TOKEN, &request);
    Some(!matches!(verified, Err(Failure::Refused(_))))
}

/// Input lines: query, content type, signature; the rest is the body. One genuine request is signed by a query that has
/// the body's hash, the other by a query alone.
#[test]
fn only_a_request_whose_query_is_signed_and_holds_the_bodys_hash_is_believed() {
    let body = r#"{"CallSid":"CA1","CallStatus":"completed"}"#;
    let of_body = format!("conversation_id=c-1&bodySHA256={}", hex(&Sha256::digest(body)));
    let of_nothing = "CallSid=CA1&CallStatus=completed";
    let genuine = [
        ("POST", [&of_body, "application/json", &sign(&of_body), body]),
        ("GET", [of_nothing, "", &sign(of_nothing), ""]),
    ];
    // A signed query with a body that an eavesdropper has added.
    let foreign = [of_nothing, "application/json", &sign(of_nothing), body].join("\n");
    for (method, genuine) in genuine {
        let fuzz = Fuzz::of("signatures").with_seed(genuine.join("\n")).with_seed(foreign.clone());
        fuzz.run(|input| {
            let Ok(text) = std::str::from_utf8(input) else { return };
            let mut lines = text.splitn(4, '\n');
            let [Some(query), Some(content_type), Some(signature), Some(body)] =
                [(); 4].map(|()| lines.next())
            else {
                return;
            };
            let request = [query, content_type, signature, body];
            let Some(believed) = is_believed(method, request) else { return };
            let same =
                query == genuine[0] && signature == genuine[2] && (method == "GET" || body == genuine[3]);
            assert_eq!(believed, same);
        });
    }
}
