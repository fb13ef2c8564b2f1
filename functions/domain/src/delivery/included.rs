//! What a destination's payload has besides its usual keys.

use crate::destination::record::{Destination, Include};
use crate::event::lifecycle_event::LifecycleEvent;

/// The event with the payload that this destination gets. A notice has no conversation, and no metadata of one.
#[must_use]
pub fn with_included(event: &LifecycleEvent, destination: &Destination) -> LifecycleEvent {
    let mut event = event.clone();
    if destination.include.contains(&Include::ConversationMetadata)
        && !event.kind.is_notice()
        && let Some(usual) = event.payload.strip_suffix(b"}")
    {
        let metadata = event.metadata.as_deref().unwrap_or(b"{}");
        event.payload = [usual, b",\"conversation_metadata\":", metadata, b"}"].concat().into();
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::request::{Attempt, WebhookRequest, preview, request};
    use crate::destination::record::RequestType;
    use crate::destination::signature::signatures;
    use crate::shared::timestamp::Timestamp;
    use crate::testing::fakes::sample;

    const NOW: Timestamp = Timestamp::from_millis(1_756_720_062_999);

    fn header<'a>(request: &'a WebhookRequest, name: &str) -> Option<&'a str> {
        request.headers.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_destination_that_wants_metadata_gets_it_as_the_last_key() {
        let wanting = |request_type| {
            let include = [Include::ConversationMetadata].into();
            Destination { request_type, include, ..sample::destination("dst_1") }
        };
        let delivery = sample::delivery().id;
        let attempt = Attempt { delivery: &delivery, number: 1, at: NOW, url_was_refused: false };
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(9000));
        let usual = r#"{"notes":null,"conversation_transcript":[1],"conversation_analysis":[]"#;
        let empty = r#"{"notes":null,"conversation_transcript":[],"conversation_analysis":[]"#;
        let everything = "conversation_transcript,conversation_analysis,conversation_metadata";
        for (request_type, metadata, sent, trimmed) in [
            (
                RequestType::Get,
                Some(r#"{"a":1}"#),
                format!(r#"{usual},"conversation_metadata":{{"a":1}}}}"#),
                None,
            ),
            (RequestType::Get, None, format!(r#"{usual},"conversation_metadata":{{}}}}"#), None),
            (
                RequestType::Get,
                Some(&*long),
                format!(r#"{empty},"conversation_metadata":{{}}}}"#),
                Some(everything),
            ),
            (RequestType::Post, Some(&*long), format!(r#"{usual},"conversation_metadata":{long}}}"#), None),
        ] {
            let metadata = metadata.map(|metadata| metadata.to_owned().into());
            let event = LifecycleEvent { metadata, ..sample::event(&format!("{usual}}}")) };
            let destination = wanting(request_type);
            let request = request(&event, &destination, &sample::secrets(), attempt).unwrap();
            let carried = match request_type {
                RequestType::Get => request.url.query_pairs().nth(2).unwrap().1.into_owned(),
                _ => std::str::from_utf8(&request.body).unwrap().to_owned(),
            };
            assert!(carried.contains(&sent), "{carried}");
            assert_eq!(header(&request, "webhook-payload-trimmed"), trimmed);
            let expected = signatures(&sample::secrets().signing, &event.id, NOW, sent.as_bytes());
            assert_eq!(header(&request, "webhook-signature"), Some(expected.as_str()));
            let plain = request_of_plain(&event, request_type);
            assert!(!plain.contains("conversation_metadata"), "{plain}");
            let shown = preview(&event, &destination, attempt, None).unwrap();
            assert_eq!(
                shown.headers.iter().any(|(name, _)| name == "webhook-payload-trimmed"),
                trimmed.is_some()
            );
        }
    }

    /// What a destination gets that does not ask for metadata.
    fn request_of_plain(event: &LifecycleEvent, request_type: RequestType) -> String {
        let destination = Destination { request_type, ..sample::destination("dst_1") };
        let delivery = sample::delivery().id;
        let attempt = Attempt { delivery: &delivery, number: 1, at: NOW, url_was_refused: false };
        let request = request(event, &destination, &sample::secrets(), attempt).unwrap();
        format!("{}{}", request.url, std::str::from_utf8(&request.body).unwrap())
    }
}
