//! Shortens a payload that has to fit into a URL: the transcript goes first, and the analysis only if it must.

use bytes::Bytes;

use crate::shared::json::JsonObject;

/// The fields that can be emptied, in this order.
const TRIMMABLE: &[&str] = &["conversation_transcript", "conversation_analysis"];

/// The fields to empty, by how much the URL has to shrink.
pub(crate) const STEPS: [&[&str]; 3] = [&[], &["conversation_transcript"], TRIMMABLE];

/// Returns the payload with these fields emptied to `[]`.
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
            let value = if emptied.contains(&name.as_str()) { "[]" } else { value.get() };
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
        let trimmed = STEPS.map(|emptied| trim(&whole, emptied));
        assert_eq!(trimmed[0], whole);
        let start = r#"{"event":"conversation.completed","notes":"n","conversation_transcript":[],"conversation_analysis":"#;
        assert_eq!(trimmed[1], format!("{start}[2]}}"));
        assert_eq!(trimmed[2], format!("{start}[]}}"));
    }
}
