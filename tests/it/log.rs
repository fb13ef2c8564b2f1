//! Captures the log of the functions in this process, with their metrics.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use adapters::telemetry;

/// The log of this process.
#[derive(Clone, Default)]
pub(crate) struct CapturedLog(Arc<Mutex<Vec<u8>>>);

impl CapturedLog {
    /// The whole log so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines that contain all of these parts.
    pub(crate) fn with(&self, parts: &[&str]) -> Vec<String> {
        let text = self.text();
        let lines = text.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
        lines.map(str::to_owned).collect()
    }
}

impl io::Write for CapturedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts to capture on the first call, once for the whole process, and returns the log.
pub(crate) fn captured() -> &'static CapturedLog {
    static LOG: OnceLock<CapturedLog> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = CapturedLog::default();
        let variables = [("METRICS_NAMESPACE", "Ringback/test"), ("LOG_LEVEL", "DEBUG")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let writer = log.clone();
        let config = telemetry::Config::read(&BTreeMap::from(variables)).unwrap();
        config.start_to(move || writer.clone());
        log
    })
}
