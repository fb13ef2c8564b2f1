//! Formats an event as one line of JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use domain::shared::clock::Clock as _;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::metrics;
use crate::system::SystemClock;

/// Formats events as JSON, with their metric in CloudWatch's embedded metric format.
pub(super) struct JsonLines {
    pub(super) namespace: Option<String>,
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = EventFields::default();
        event.record(&mut fields);
        let now = SystemClock.now();
        let level = event.metadata().level();
        let mut line = format!(r#"{{"timestamp":"{now}","level":"{level}""#);
        // The event's name first: readers look for it.
        let message = fields.0.remove("message");
        for (name, value) in message.iter().map(|message| (&"message", message)).chain(&fields.0) {
            write!(line, ",{}:{value}", Value::from(*name))?;
        }
        let name = message.as_ref().and_then(Value::as_str).unwrap_or_default();
        if let Some(namespace) = &self.namespace {
            write_metric(&mut line, namespace, name, &fields.0, now.as_millis())?;
        }
        writeln!(writer, "{line}}}")
    }
}

/// Adds the line's metric and `_aws`, which declares it.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
fn write_metric(
    line: &mut String,
    namespace: &str,
    event: &str,
    fields: &BTreeMap<&'static str, Value>,
    now_ms: u64,
) -> fmt::Result {
    let Some(metric) = metrics::of(event) else { return Ok(()) };
    if metric.by.is_some_and(|by| !fields.contains_key(by)) {
        return Ok(());
    }
    let directive = json!({
        "Namespace": namespace,
        "Dimensions": [metric.by.iter().collect::<Vec<_>>()],
        "Metrics": [{"Name": metric.name}],
    });
    let declared = json!({"Timestamp": now_ms, "CloudWatchMetrics": [directive]});
    write!(line, r#","{}":1,"_aws":{declared}"#, metric.name)
}

/// An event's fields by name.
#[derive(Default)]
struct EventFields(BTreeMap<&'static str, Value>);

impl Visit for EventFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name(), value.into());
    }
}

#[cfg(test)]
mod tests;
