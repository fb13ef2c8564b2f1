//! Captures log lines, which tests read and count.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Metadata, Subscriber};

use super::lock::lock;

/// Captures this thread's log until it is dropped.
pub struct CapturedLog {
    lines: Arc<Mutex<Vec<Line>>>,
    _guard: DefaultGuard,
}

/// One line.
#[derive(Debug, Clone, Default)]
struct Line {
    message: String,
    fields: String,
}

impl CapturedLog {
    /// Starts capturing.
    #[must_use]
    pub fn start() -> Self {
        // While a process has one dispatcher, `tracing` asks the first thread that reaches a line whether the line is
        // enabled, and caches a "no". With two, it asks both dispatchers.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(Subscription(Arc::default())));
        let lines = Arc::default();
        let guard = tracing::subscriber::set_default(Subscription(Arc::clone(&lines)));
        Self { lines, _guard: guard }
    }

    /// Returns the fields of each line with this message, formatted as ` name=value`.
    #[must_use]
    pub fn of(&self, message: &str) -> Vec<String> {
        let lines = lock(&self.lines);
        lines.iter().filter(|line| line.message == message).map(|line| line.fields.clone()).collect()
    }
}

struct Subscription(Arc<Mutex<Vec<Line>>>);

impl Subscriber for Subscription {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        lock(&self.0).push(line);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }
}
