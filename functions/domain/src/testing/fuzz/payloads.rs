//! Properties that hold for any payload that is sent.

use std::time::UNIX_EPOCH;

use crate::delivery::request::{Attempt, MAX_URL_BYTES, WebhookRequest, request};
use crate::destination::record::{Destination, Format, RequestType};
use crate::shared::timestamp::Timestamp;
use crate::testing::fakes::{Fuzz, sample};

fn send(request_type: RequestType, format: Format, payload: &str, now: Timestamp) -> Option<WebhookRequest> {
    let destination = Destination { request_type, format, ..sample::destination("dst_1") };
    let delivery = sample::delivery().id;
    let attempt = Attempt { delivery: &delivery, number: 1, at: now, url_was_refused: false };
    request(&sample::event(payload), &destination, &sample::secrets(), attempt).ok()
}

fn headers(request: &WebhookRequest) -> http::HeaderMap {
    let parsed = |(name, value): &(String, String)| {
        (name.parse::<http::HeaderName>().unwrap(), value.parse::<http::HeaderValue>().unwrap())
    };
    request.headers.iter().map(parsed).collect()
}

/// Splits the form's two fields by the boundary alone.
fn fields(request: &WebhookRequest) -> Vec<String> {
    let content_type = headers(request)["content-type"].to_str().unwrap().to_owned();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = std::str::from_utf8(&request.body).unwrap();
    let parts = body.strip_prefix(&format!("--{boundary}\r\n")).unwrap();
    let parts = parts.strip_suffix(&format!("\r\n--{boundary}--\r\n")).unwrap();
    parts.split(&format!("\r\n--{boundary}")).map(|part| part.trim_start_matches("\r\n").to_owned()).collect()
}

/// The boundary derives from the ids, so a caller that knows them can put it into the payload. A payload that is too
/// long for a URL is signed as it is sent.
#[test]
fn a_payload_arrives_as_it_was_and_is_signed() {
    let now = Timestamp::from_millis(UNIX_EPOCH.elapsed().unwrap().as_millis() as u64);
    let plain = send(RequestType::Post, Format::Form, "{}", now).unwrap();
    let hostile = format!("{{}}{}", std::str::from_utf8(&plain.body).unwrap());
    let long = format!(r#"{{"notes":"n","conversation_transcript":["{}"]}}"#, "x".repeat(MAX_URL_BYTES));
    let secret = sample::secrets().signing.current.reveal();
    let receiver = standardwebhooks::Webhook::new(&secret).unwrap();
    Fuzz::of("bodies").with_seed(hostile).with_seed(long).run(|input| {
        let Ok(payload) = std::str::from_utf8(input) else { return };
        let form = send(RequestType::Post, Format::Form, payload, now).unwrap();
        let part = |name, value| format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}");
        assert_eq!(fields(&form), [part("event", "conversation.completed"), part("payload", payload)]);
        receiver.verify(payload.as_bytes(), &headers(&form)).unwrap();
        assert!(receiver.verify(format!("{payload} ").as_bytes(), &headers(&form)).is_err());

        let json = send(RequestType::Put, Format::Json, payload, now).unwrap();
        assert_eq!(json.body, input);
        assert_eq!(headers(&json)["content-type"], "application/json");
        receiver.verify(&json.body, &headers(&json)).unwrap();

        let Some(get) = send(RequestType::Get, Format::Form, payload, now) else { return };
        assert!(get.url.as_str().len() <= MAX_URL_BYTES && get.body.is_empty());
        let query: Vec<_> = get.url.query_pairs().into_owned().collect();
        let [.., (event, _), (name, sent)] = &query[..] else { panic!("{query:?}") };
        assert_eq!((event.as_str(), name.as_str(), query.len()), ("event", "payload", 3));
        assert!(sent == payload || !get.trimmed.is_empty());
        receiver.verify(sent.as_bytes(), &headers(&get)).unwrap();
    });
}
