//! Shortens a payload that has to fit into a URL.

use bytes::Bytes;

use crate::shared::json::JsonObject;

/// The fields that are emptied, in this order, if the whole payload does not fit into a URL.
pub const TRIMMABLE: [&str; 2] = ["conversation_transcript", "conversation_analysis"];

/// Returns the payload with transcript and analysis emptied to `[]`.
#[must_use]
pub fn trim(payload: &Bytes) -> Bytes {
    let Ok(fields) = serde_json::from_slice::<JsonObject>(payload) else {
        return payload.clone(); // not built by `payload`: no fields to empty
    };
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| {
            let value = if TRIMMABLE.contains(&name.as_str()) { "[]" } else { value.get() };
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
        let trimmed = br#"{"event":"conversation.completed","notes":"n","conversation_transcript":[],"conversation_analysis":[]}"#;
        assert_eq!(trim(&whole), trimmed.as_slice());
    }
}
