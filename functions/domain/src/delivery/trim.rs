//! Shortens a payload that has to fit into a URL: the transcript goes first, the analysis only if it must, and metadata
//! last.

use bytes::Bytes;

use crate::shared::json::JsonObject;

/// The field that only some destinations get.
const METADATA: &str = "conversation_metadata";

/// The fields to empty, by how much the URL has to shrink.
const STEPS: [&[&str]; 4] = [
    &[],
    &["conversation_transcript"],
    &["conversation_transcript", "conversation_analysis"],
    &["conversation_transcript", "conversation_analysis", METADATA],
];

/// The [`STEPS`] of a payload: metadata can be emptied only where there is any.
pub(crate) fn steps(has_metadata: bool) -> &'static [&'static [&'static str]] {
    if has_metadata { &STEPS } else { &STEPS[..3] }
}

/// Returns the payload with these fields emptied.
#[must_use]
pub(crate) fn trim(payload: &Bytes, emptied: &[&str]) -> Bytes {
    if emptied.is_empty() {
        return payload.clone();
    }
    let Ok(fields) = serde_json::from_slice::<JsonObject>(payload) else {
        return payload.clone(); // not built by `payload`: no fields to empty
    };
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| {
            let value = match name.as_str() {
                METADATA if emptied.contains(&METADATA) => "{}",
                name if emptied.contains(&name) => "[]",
                _ => value.get(),
            };
            format!("\"{name}\":{value}")
        })
        .collect();
    format!("{{{}}}", fields.join(",")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trimming_empties_the_lists_and_nothing_else() {
        let whole = Bytes::from_static(
            br#"{"event":"conversation.completed","notes":"n","conversation_transcript":[{"a":1}],"conversation_analysis":[2]}"#,
        );
        let trimmed: Vec<_> = steps(false).iter().map(|emptied| trim(&whole, emptied)).collect();
        assert_eq!(trimmed[0], whole);
        let start = r#"{"event":"conversation.completed","notes":"n","conversation_transcript":[],"conversation_analysis":"#;
        assert_eq!(trimmed[1], format!("{start}[2]}}"));
        assert_eq!(trimmed[2], format!("{start}[]}}"));
        assert_eq!(trimmed.len(), 3);
    }

    #[test]
    fn metadata_is_emptied_last_and_stays_an_object() {
        let whole = Bytes::from_static(
            br#"{"conversation_transcript":[1],"conversation_analysis":[2],"conversation_metadata":{"a":3}}"#,
        );
        let trimmed: Vec<_> = steps(true).iter().map(|emptied| trim(&whole, emptied)).collect();
        let lists = r#"{"conversation_transcript":[],"conversation_analysis":[],"conversation_metadata":"#;
        assert_eq!(trimmed[2], format!(r#"{lists}{{"a":3}}}}"#));
        assert_eq!(trimmed[3], format!("{lists}{{}}}}"));
        assert_eq!(trimmed.len(), 4);
    }
}
