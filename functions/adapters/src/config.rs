//! A function's configuration, from its environment: read once, typed; an error names the variable.

use std::str::FromStr;
use std::time::Duration;

use domain::shared::rate::RateLimit;
use domain::shared::timestamp::Timestamp;

/// An environment variable that is missing or invalid.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {name} {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: String,
}

impl ConfigError {
    /// `problem` continues the sentence after the variable's name.
    pub fn new(name: &'static str, problem: impl Into<String>) -> Self {
        Self { name, problem: problem.into() }
    }
}

/// A source of variables: a function's environment, or the template as the local stack reads it.
pub trait Vars {
    /// The value of a variable.
    fn get(&self, name: &str) -> Option<String>;

    /// An optional value. An empty one counts as missing: it is a template's parameter that was left blank.
    fn optional(&self, name: &'static str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// A required value.
    fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        self.optional(name).ok_or_else(|| ConfigError::new(name, "is not set"))
    }

    /// A required number.
    fn number<T: FromStr>(&self, name: &'static str) -> Result<T, ConfigError> {
        let text = self.text(name)?;
        text.parse().map_err(|_| ConfigError::new(name, format!("is not a valid number: {text:?}")))
    }
}

/// The process's own environment.
pub struct Environment;

impl Vars for Environment {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl Vars for std::collections::BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

/// How long an ended conversation is kept after its last change, from `CONVERSATION_RETENTION_DAYS`; `None`, for ever, if
/// that is 0.
pub fn conversation_retention(vars: &impl Vars) -> Result<Option<Duration>, ConfigError> {
    let kept = days_long(vars.number("CONVERSATION_RETENTION_DAYS")?);
    Ok(Some(kept).filter(|kept| !kept.is_zero()))
}

const fn days_long(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

/// How long events, deliveries and attempts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention(Duration);

impl Retention {
    /// Reads `DELIVERY_RETENTION_DAYS`.
    pub fn read(vars: &impl Vars) -> Result<Self, ConfigError> {
        let days: u64 = vars.number("DELIVERY_RETENTION_DAYS")?;
        Ok(Self(days_long(days)))
    }

    /// The duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// The creation time of the oldest that is kept at `now`.
    #[must_use]
    pub fn oldest(self, now: Timestamp) -> Timestamp {
        let kept = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(now.as_millis().saturating_sub(kept))
    }

    /// When something created at `at` expires, in seconds since the epoch as DynamoDB's TTL expects it.
    #[must_use]
    pub fn expiry(self, at: Timestamp) -> u64 {
        (at + self.0).as_secs()
    }
}

/// The limit of an account's requests per window, from `API_RATE_LIMIT`.
pub fn api_rate_limit(vars: &impl Vars) -> Result<Option<RateLimit>, ConfigError> {
    vars.number("API_RATE_LIMIT").map(RateLimit::new)
}

/// The limit of a destination's deliveries per window, from `DELIVERY_RATE_LIMIT`.
pub fn delivery_rate_limit(vars: &impl Vars) -> Result<Option<RateLimit>, ConfigError> {
    vars.number("DELIVERY_RATE_LIMIT").map(RateLimit::new)
}

/// After how much time with nothing but failures a destination is disabled, from `DISABLE_AFTER_HOURS`; `None`, never, if
/// that is 0.
pub fn disable_after(vars: &impl Vars) -> Result<Option<Duration>, ConfigError> {
    let hours: u64 = vars.number("DISABLE_AFTER_HOURS")?;
    Ok(Some(Duration::from_secs(hours * 60 * 60)).filter(|span| !span.is_zero()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_error_names_the_variable() {
        let mut vars = BTreeMap::new();
        let missing = Retention::read(&vars).unwrap_err();
        assert_eq!(missing.to_string(), "the environment variable DELIVERY_RETENTION_DAYS is not set");
        vars.insert("DELIVERY_RETENTION_DAYS".to_owned(), "a month".to_owned());
        assert!(Retention::read(&vars).unwrap_err().to_string().contains("a month"));
    }
}
