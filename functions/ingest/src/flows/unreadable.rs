//! How unreadable JSON is described.

/// Where JSON stops being what it should be. The parser's own words quote values, which do not belong into a log.
pub(in crate::flows) fn unreadable(problem: &str, error: &serde_json::Error) -> String {
    format!("{problem} (line {}, column {})", error.line(), error.column())
}
