//! The error for a caller's mistakes.

use std::borrow::Cow;

/// A caller's mistake: the invalid field and the rule it breaks, which together read as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct Invalid {
    /// The field's name as the caller wrote it, dotted for a nested one: `conversation_transcript`.
    pub field: Cow<'static, str>,
    /// The rule: `must be an array`.
    pub rule: Cow<'static, str>,
    /// The other mistakes in the same request, so that a caller can correct all of them at once.
    pub others: Vec<Invalid>,
}

impl Invalid {
    /// Names the field and the rule. Truncates both, because they may contain the caller's own text.
    pub fn new(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        let field = truncate(field.into(), MAX_FIELD_CHARS);
        // The error names something even if the field's name is empty.
        let field = if field.is_empty() { "\"\"".into() } else { field };
        Self { field, rule: truncate(rule.into(), MAX_RULE_CHARS), others: Vec::new() }
    }

    /// Words each mistake anew.
    #[must_use]
    pub fn map(mut self, word: impl Fn(Self) -> Self) -> Self {
        let others = std::mem::take(&mut self.others).into_iter().map(&word).collect();
        Self { others, ..word(self) }
    }

    /// Each mistake by itself.
    pub fn each(mut self) -> impl Iterator<Item = Self> {
        let others = std::mem::take(&mut self.others);
        std::iter::once(self).chain(others)
    }
}

/// Collects the mistakes in one request, each once.
#[derive(Default)]
pub struct Mistakes(Vec<Invalid>);

impl Mistakes {
    /// The checked value, or `None` and one mistake more.
    pub fn note<T>(&mut self, checked: Result<T, Invalid>) -> Option<T> {
        checked.map_err(|invalid| self.extend(invalid.each())).ok()
    }

    /// Fails if there were mistakes.
    ///
    /// # Errors
    /// The first mistake, with the others.
    pub fn none(self) -> Result<(), Invalid> {
        let mut all = self.0.into_iter();
        let Some(first) = all.next() else { return Ok(()) };
        Err(Invalid { others: all.collect(), ..first })
    }
}

impl Extend<Invalid> for Mistakes {
    fn extend<I: IntoIterator<Item = Invalid>>(&mut self, more: I) {
        for invalid in more {
            if self.0.len() < MAX_MISTAKES && !self.0.contains(&invalid) {
                self.0.push(invalid);
            }
        }
    }
}

impl FromIterator<Invalid> for Mistakes {
    fn from_iter<I: IntoIterator<Item = Invalid>>(all: I) -> Self {
        let mut mistakes = Self::default();
        mistakes.extend(all);
        mistakes
    }
}

/// Both values, or the mistakes of both.
///
/// # Errors
/// At least one of them is invalid.
pub fn both<A, B>(one: Result<A, Invalid>, other: Result<B, Invalid>) -> Result<(A, B), Invalid> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(invalid), Ok(_)) | (Ok(_), Err(invalid)) => Err(invalid),
        (Err(one), Err(other)) => {
            let first = one.clone();
            Err(one.each().chain(other.each()).collect::<Mistakes>().none().err().unwrap_or(first))
        }
    }
}

/// Most mistakes that one error names: more than anyone makes by oversight.
const MAX_MISTAKES: usize = 20;

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

    #[test]
    fn all_mistakes_are_named_each_once_and_in_order() {
        let wrong = |field: &'static str| Err::<(), _>(Invalid::new(field, "is missing"));
        let fields = |invalid: Invalid| invalid.each().map(|one| one.field.into_owned()).collect::<Vec<_>>();
        let two = both(wrong("a"), wrong("b")).unwrap_err();
        assert_eq!(two.to_string(), "a is missing");
        assert_eq!(
            fields(both(Err::<(), _>(two), both(wrong("b"), wrong("c"))).unwrap_err()),
            ["a", "b", "c"]
        );
        assert_eq!(fields(both(Ok(1), wrong("b")).unwrap_err()), ["b"]);
        assert_eq!(both(Ok(1), Ok(2)), Ok((1, 2)));
        let many: Mistakes = (0..1000).map(|n| Invalid::new(n.to_string(), "is not known")).collect();
        assert_eq!(fields(many.none().unwrap_err()).len(), MAX_MISTAKES);
        assert_eq!(Mistakes::default().none(), Ok(()));
    }
}
