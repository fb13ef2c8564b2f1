//! Logging: one JSON line for each event. A line also carries its metrics, in CloudWatch's embedded metric format:
//! metrics have no other source, and no call sends them.
//!
//! [`mod@line`] writes a line, [`metrics`] lists the metrics.

mod line;
mod metrics;

use std::io;

use domain::shared::unavailable::Unavailable;
use tracing_subscriber::EnvFilter;

pub use self::metrics::names as metric_names;

use self::line::JsonLines;
use crate::config::{ConfigError, Vars};

/// The variable with the log level: `info` or more verbose, because metrics come from log lines.
const LOG_LEVEL: &str = "RUST_LOG";

/// The variable with the metrics' namespace, one for each stack. Without it, there are no metrics.
const METRICS_NAMESPACE: &str = "METRICS_NAMESPACE";

/// The log's configuration, from a function's environment.
pub struct Config {
    filter: EnvFilter,
    namespace: Option<String>,
}

impl Config {
    /// Reads the configuration; an error names the invalid variable.
    pub fn read(vars: &impl Vars) -> Result<Self, ConfigError> {
        let level = vars.optional(LOG_LEVEL).unwrap_or_else(|| "info".to_owned());
        let filter = EnvFilter::try_new(&level)
            .map_err(|error| ConfigError::new(LOG_LEVEL, format!("is not a valid log level: {error}")))?;
        Ok(Self { filter, namespace: vars.optional(METRICS_NAMESPACE) })
    }

    /// Starts logging to standard output.
    pub fn start(self) {
        self.start_to(io::stdout);
    }

    /// Starts logging to another writer.
    pub fn start_to<W: io::Write + 'static>(self, writer: impl Fn() -> W + Send + Sync + 'static) {
        tracing_subscriber::fmt()
            .event_format(JsonLines { namespace: self.namespace })
            .with_env_filter(self.filter)
            .with_writer(writer)
            .init();
    }
}

/// Leaves out of a list what this version cannot read, after a rollback for example, and logs it.
pub fn readable<T>(items: impl IntoIterator<Item = Result<T, Unavailable>>) -> Vec<T> {
    items.into_iter().filter_map(|item| item.inspect_err(log_unavailable).ok()).collect()
}

/// Logs a failure of our infrastructure, with its causes.
pub fn log_unavailable(error: &Unavailable) {
    tracing::error!(operation = %error, cause = error.causes(), "unavailable");
}
