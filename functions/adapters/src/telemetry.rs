//! One JSON line for each event of the log, for CloudWatch.

use tracing_subscriber::EnvFilter;

/// Starts the log; `RUST_LOG` says how much of it.
pub fn start() {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .init();
}
