//! Error texts for unreadable JSON.

/// Adds the position of a JSON error to `problem`. The parser's own message quotes values, which must not be logged.
pub(in crate::flows) fn unreadable(problem: &str, error: &serde_json::Error) -> String {
    format!("{problem} (line {}, column {})", error.line(), error.column())
}
