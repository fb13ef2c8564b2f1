//! What the functions of this process log, with their metrics.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use adapters::telemetry;

/// What was logged, by whoever ran in this process.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// All of it so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines that have all of these in them.
    pub(crate) fn with(&self, parts: &[&str]) -> Vec<String> {
        let text = self.text();
        let lines = text.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
        lines.map(str::to_owned).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log as functions write it, with their metrics. Of this whole process, so it starts once.
pub(crate) fn captured() -> &'static Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| {
        let lines = Lines::default();
        let says = [("METRICS_NAMESPACE", "Ringback/test"), ("LOG_LEVEL", "DEBUG")];
        let says = says.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let writer = lines.clone();
        let config = telemetry::Config::read(&BTreeMap::from(says)).unwrap();
        config.start_to(move || writer.clone());
        lines
    })
}
