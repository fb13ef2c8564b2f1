//! One JSON line for each event of the log. A line that counts or measures something says so itself, in CloudWatch's
//! embedded metric format: there is no second place where a metric comes from, and no call to send it.
//!
//! [`mod@line`] writes a line, [`metrics`] lists what is counted and measured.

mod line;
mod metrics;

use std::io;

use tracing_subscriber::EnvFilter;

pub use self::metrics::names as metric_names;

use self::line::Lines;
use crate::config::{ConfigError, Vars};

/// The variable that says how much is logged: `info` or more, because metrics are made of lines.
const LOG_LEVEL: &str = "RUST_LOG";

/// The variable with the metrics' namespace, one for each stack. Nothing is counted where it is not set.
const METRICS_NAMESPACE: &str = "METRICS_NAMESPACE";

/// What a function's environment says of its log.
pub struct Config {
    filter: EnvFilter,
    namespace: Option<String>,
}

impl Config {
    /// Reads all of it, or names the variable that is wrong.
    pub fn read(vars: &impl Vars) -> Result<Self, ConfigError> {
        let level = vars.optional(LOG_LEVEL).unwrap_or_else(|| "info".to_owned());
        let filter = EnvFilter::try_new(&level)
            .map_err(|error| ConfigError::new(LOG_LEVEL, format!("is no log level: {error}")))?;
        Ok(Self { filter, namespace: vars.optional(METRICS_NAMESPACE) })
    }

    /// Starts the log, which is the standard output.
    pub fn start(self) {
        self.start_to(io::stdout);
    }

    /// The same to somewhere else.
    pub fn start_to<W: io::Write + 'static>(self, writer: impl Fn() -> W + Send + Sync + 'static) {
        tracing_subscriber::fmt()
            .event_format(Lines { namespace: self.namespace })
            .with_env_filter(self.filter)
            .with_writer(writer)
            .init();
    }
}

/// Writes a failure of ours to the log, with its causes.
pub fn log_unavailable(error: &domain::shared::unavailable::Unavailable) {
    tracing::error!(operation = %error, cause = error.causes(), "unavailable");
}
