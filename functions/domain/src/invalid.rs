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
    /// Names the field and the rule.
    pub fn new(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}
