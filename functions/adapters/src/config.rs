//! What a function is told by its environment: read once, typed, and an error names the variable.

use std::str::FromStr;
use std::time::Duration;

use domain::shared::rate::RateLimit;

/// A variable that is missing or wrong.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {name} {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: String,
}

impl ConfigError {
    /// Names the variable, and says what is wrong as words that go on after its name.
    pub fn new(name: &'static str, problem: impl Into<String>) -> Self {
        Self { name, problem: problem.into() }
    }
}

/// Where variables come from: a function's environment, or the template as the local stack reads it.
pub trait Vars {
    /// The variable's value.
    fn get(&self, name: &str) -> Option<String>;

    /// A value that may be left out: an empty one is, as a template's parameter that nobody filled in.
    fn optional(&self, name: &'static str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// A value that has to be there.
    fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        self.optional(name).ok_or_else(|| ConfigError::new(name, "is not set"))
    }

    /// A number that has to be there.
    fn number<T: FromStr>(&self, name: &'static str) -> Result<T, ConfigError> {
        let text = self.text(name)?;
        text.parse().map_err(|_| ConfigError::new(name, format!("is no such number: {text:?}")))
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

/// How long events, deliveries and attempts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention(Duration);

impl Retention {
    /// From `DELIVERY_RETENTION_DAYS`.
    pub fn read(vars: &impl Vars) -> Result<Self, ConfigError> {
        let days: u64 = vars.number("DELIVERY_RETENTION_DAYS")?;
        Ok(Self(Duration::from_secs(days * 24 * 60 * 60)))
    }

    /// The moment from which on something made at `at` is no longer kept, in seconds since the epoch as DynamoDB's TTL
    /// wants it.
    #[must_use]
    pub fn expiry(self, at: domain::shared::timestamp::Timestamp) -> u64 {
        (at + self.0).as_secs()
    }
}

/// How many requests an account may send in a window: `API_RATE_LIMIT`.
pub fn api_rate_limit(vars: &impl Vars) -> Result<Option<RateLimit>, ConfigError> {
    vars.number("API_RATE_LIMIT").map(RateLimit::new)
}

/// How much a destination is sent in a window: `DELIVERY_RATE_LIMIT`.
pub fn delivery_rate_limit(vars: &impl Vars) -> Result<Option<RateLimit>, ConfigError> {
    vars.number("DELIVERY_RATE_LIMIT").map(RateLimit::new)
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
