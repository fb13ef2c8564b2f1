//! What is logged, and counted by it.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Metadata, Subscriber};

use super::lock::lock;

/// What is logged on this thread, until it is dropped.
pub struct CapturedLog {
    said: Arc<Mutex<Vec<Line>>>,
    _guard: DefaultGuard,
}

/// One line.
#[derive(Debug, Clone, Default)]
struct Line {
    message: String,
    fields: String,
}

impl CapturedLog {
    /// From now on.
    #[must_use]
    pub fn captured() -> Self {
        // While a process has one dispatcher, `tracing` asks the default of whichever thread reaches a line first whether
        // anybody listens to it, and remembers a no. With two it asks both.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(Listener(Arc::default())));
        let said = Arc::default();
        let guard = tracing::subscriber::set_default(Listener(Arc::clone(&said)));
        Self { said, _guard: guard }
    }

    /// The fields of the lines with this message: ` name=value` each.
    #[must_use]
    pub fn of(&self, message: &str) -> Vec<String> {
        let said = lock(&self.said);
        said.iter().filter(|line| line.message == message).map(|line| line.fields.clone()).collect()
    }
}

struct Listener(Arc<Mutex<Vec<Line>>>);

impl Subscriber for Listener {
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
        debug_assert!(written.is_ok(), "a string takes everything");
    }
}
