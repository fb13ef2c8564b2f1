//! Logging: one JSON line for each event. A line also carries its metrics, in CloudWatch's embedded metric format:
//! metrics have no other source, and no call sends them.
//!
//! [`mod@line`] writes a line, [`metrics`] lists the metrics.

mod line;
mod metrics;

use std::io;

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use self::metrics::names as metric_names;

use self::line::JsonLines;
use crate::config::{ConfigError, Vars};

/// The variable with the log level. At least `INFO`, because metrics come from log lines.
const LOG_LEVEL: &str = "LOG_LEVEL";

/// The crates whose lines of the level `DEBUG` can be logged. Those of others may hold what must not be logged.
const OURS: [&str; 7] = ["adapters", "destinations", "dispatch", "domain", "ingest", "local", "query"];

/// The variable with the metrics' namespace, one for each stack. Without it, there are no metrics.
const METRICS_NAMESPACE: &str = "METRICS_NAMESPACE";

/// The log's configuration, from a function's environment.
pub struct Config {
    filter: Targets,
    namespace: Option<String>,
}

impl Config {
    /// Reads the configuration; an error names the invalid variable.
    pub fn read(vars: &impl Vars) -> Result<Self, ConfigError> {
        let level = match vars.optional(LOG_LEVEL).as_deref() {
            None | Some("INFO") => LevelFilter::INFO,
            Some("DEBUG") => LevelFilter::DEBUG,
            Some(_) => return Err(ConfigError::new(LOG_LEVEL, "is neither INFO nor DEBUG")),
        };
        let filter =
            Targets::new().with_default(LevelFilter::INFO).with_targets(OURS.map(|name| (name, level)));
        Ok(Self { filter, namespace: vars.optional(METRICS_NAMESPACE) })
    }

    /// Starts logging to standard output.
    pub fn start(self) {
        self.start_to(io::stdout);
    }

    /// Starts logging to another writer.
    pub fn start_to<W: io::Write + 'static>(self, writer: impl Fn() -> W + Send + Sync + 'static) {
        self.subscriber(writer).init();
    }

    fn subscriber<W: io::Write + 'static>(
        self,
        writer: impl Fn() -> W + Send + Sync + 'static,
    ) -> impl Subscriber + Send + Sync {
        tracing_subscriber::fmt()
            .event_format(JsonLines { namespace: self.namespace })
            .with_writer(writer)
            .with_max_level(LevelFilter::DEBUG)
            .finish()
            .with(self.filter)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Captures what is written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn debug_opens_the_lines_of_our_own_crates_only() {
        for (level, ours) in [("INFO", false), ("DEBUG", true)] {
            let vars = BTreeMap::from([(LOG_LEVEL.to_owned(), level.to_owned())]);
            let written = Written::default();
            let writer = written.clone();
            let subscriber = Config::read(&vars).unwrap().subscriber(move || writer.clone());
            tracing::subscriber::with_default(subscriber, || {
                tracing::debug!("ours.debug");
                tracing::info!(target: "hyper::client", "theirs.info");
                tracing::debug!(target: "hyper::client", "theirs.debug");
            });
            let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            let there = ["ours.debug", "theirs.info", "theirs.debug"].map(|line| text.contains(line));
            assert_eq!(there, [ours, true, false], "{level}: {text}");
        }
    }
}
