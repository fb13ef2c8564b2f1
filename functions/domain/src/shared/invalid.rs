//! The error for a caller's mistake.

use std::borrow::Cow;

/// A caller's mistake: the invalid field and the rule it breaks, which together read as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct Invalid {
    /// The field's name as the caller wrote it, dotted for a nested one: `conversation_transcript`.
    pub field: Cow<'static, str>,
    /// The rule: `must be an array`.
    pub rule: Cow<'static, str>,
}

impl Invalid {
    /// Names the field and the rule. Truncates both, because they may contain the caller's own text.
    pub fn new(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        let field = truncate(field.into(), MAX_FIELD_CHARS);
        // The error names something even if the field's name is empty.
        let field = if field.is_empty() { "\"\"".into() } else { field };
        Self { field, rule: truncate(rule.into(), MAX_RULE_CHARS) }
    }
}

/// Longest field name in an error, in characters; no field of ours is longer.
const MAX_FIELD_CHARS: usize = 64;

/// Longest rule in an error, in characters: a few sentences.
const MAX_RULE_CHARS: usize = 500;

fn truncate(text: Cow<'static, str>, chars: usize) -> Cow<'static, str> {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_sent_comes_back_in_part_only() {
        let invalid = Invalid::new("ü".repeat(1_000_000), format!("is not {}", "x".repeat(1_000_000)));
        assert_eq!(invalid.field.chars().count(), MAX_FIELD_CHARS + 1);
        assert_eq!(invalid.rule.chars().count(), MAX_RULE_CHARS + 1);
        assert_eq!(Invalid::new("url", "must use https://").to_string(), "url must use https://");
        assert_eq!(Invalid::new("", "is not a known field").to_string(), "\"\" is not a known field");
    }
}
