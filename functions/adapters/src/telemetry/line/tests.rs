use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// Captures the lines that are written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn line(namespace: Option<&str>, log: impl FnOnce()) -> Value {
    let written = Written::default();
    let lines = JsonLines { namespace: namespace.map(ToOwned::to_owned) };
    let subscriber = tracing_subscriber::fmt().event_format(lines).with_writer(written.clone()).finish();
    tracing::subscriber::with_default(subscriber, log);
    let bytes = written.0.lock().unwrap().clone();
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1, "one event, one line");
    serde_json::from_slice(&bytes).unwrap()
}

/// The metrics that CloudWatch extracts from a line: each with its dimensions and its value.
fn metrics(line: &Value) -> Vec<(String, Vec<String>, f64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    let [directive] = &directives[..] else { panic!("{} directives", directives.len()) };
    assert_eq!(directive["Namespace"], "Ringback/test");
    let dimensions = directive["Dimensions"][0].as_array().unwrap();
    let dimensions: Vec<_> = dimensions.iter().map(|name| text(&line[text(name)])).collect();
    let names = directive["Metrics"].as_array().unwrap().iter().map(|metric| text(&metric["Name"]));
    names.map(|name| (name.clone(), dimensions.clone(), line[&name].as_f64().unwrap())).collect()
}

fn metric(name: &str, by: &[&str], value: f64) -> (String, Vec<String>, f64) {
    (name.to_owned(), by.iter().map(|&by| by.to_owned()).collect(), value)
}

#[test]
fn a_callback_is_counted_by_its_dimension() {
    let refused = line(Some("Ringback/test"), || tracing::warn!(provider = "twilio", "callback.refused"));
    assert!(refused["_aws"]["Timestamp"].is_u64());
    assert_eq!(metrics(&refused), [metric("CallbacksRefused", &["twilio"], 1.0)]);
}

#[test]
fn a_line_that_measures_nothing_or_has_no_namespace_is_a_line_and_no_more() {
    let plain =
        line(Some("Ringback/test"), || tracing::warn!(items = 3_u64, ready = true, "batch.handed_back"));
    assert_eq!((&plain["_aws"], &plain["items"], &plain["ready"]), (&Value::Null, &json!(3), &json!(true)));
    assert_eq!((&plain["level"], &plain["message"]), (&json!("WARN"), &json!("batch.handed_back")));
    let silent = line(None, || tracing::error!(message_id = "m", "message.poison"));
    assert_eq!((&silent["_aws"], &silent["message_id"]), (&Value::Null, &json!("m")));
}

#[test]
fn no_text_can_end_a_line_or_a_field() {
    let line = line(None, || tracing::warn!(error = "a\"b\n{}\u{1b}", "visibility.unchanged"));
    assert_eq!(line["error"], "a\"b\n{}\u{1b}");
}
