//! What is wrong with something a caller gave us.

use std::borrow::Cow;

/// A caller's mistake: the field that is wrong and the rule it breaks, as a sentence that starts after the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct Invalid {
    /// The field's name as the caller wrote it, dotted for a nested one: `conversation_transcript`.
    pub field: Cow<'static, str>,
    /// The rule: `must be an array`.
    pub rule: Cow<'static, str>,
}

impl Invalid {
    /// Names the field and the rule. A caller's own name or value in them is cut where nobody would read on.
    pub fn new(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        let field = cut(field.into(), MAX_FIELD_CHARS);
        // So that an error names something also where the name is empty.
        let field = if field.is_empty() { "\"\"".into() } else { field };
        Self { field, rule: cut(rule.into(), MAX_RULE_CHARS) }
    }
}

/// Longest name of a field that an error gives back; no field of ours has a longer one.
const MAX_FIELD_CHARS: usize = 64;

/// Longest rule: a few sentences.
const MAX_RULE_CHARS: usize = 500;

fn cut(text: Cow<'static, str>, chars: usize) -> Cow<'static, str> {
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
        assert_eq!(Invalid::new("", "is not known here").to_string(), "\"\" is not known here");
    }
}
