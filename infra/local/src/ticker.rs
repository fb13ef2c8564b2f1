//! Prints a line for each attempt and each deferred delivery, made from the events that the functions log.

use std::collections::BTreeMap;
use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use adapters::system::SystemClock;
use domain::shared::clock::Clock as _;

use crate::screen;

/// Starts the log: readable lines for attempts on standard output, warnings and errors in full on standard error.
pub(crate) fn start(quiet: bool) {
    let attempts = FilterFn::new(move |metadata| !quiet && *metadata.level() == Level::INFO);
    let warnings =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(LevelFilter::WARN);
    tracing_subscriber::registry().with(Ticker.with_filter(attempts)).with(warnings).init();
}

struct Ticker;

impl<S: Subscriber> Layer<S> for Ticker {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = EventFields::default();
        event.record(&mut fields);
        fields.0.insert("timestamp", SystemClock.now().to_string());
        match fields.get("message") {
            "delivery.attempted" => screen::line(&fields.attempt_line()),
            "delivery.deferred" => screen::line(&fields.deferral_line()),
            _ => {}
        }
    }
}

#[derive(Default)]
struct EventFields(BTreeMap<&'static str, String>);

impl Visit for EventFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl EventFields {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn attempt_line(&self) -> String {
        let result = match self.get("http_status") {
            "" => self.get("outcome").to_owned(),
            status => format!("HTTP {status}"),
        };
        let next = match self.get("status") {
            "retrying" => format!("retry at {}", clock_time(self.get("next_at"))),
            status => status.to_owned(),
        };
        format!(
            "{}  attempt {}  {:<11}  {:>5} ms  {next}",
            self.delivery(),
            self.get("attempt"),
            result,
            self.get("duration_ms"),
        )
    }

    fn deferral_line(&self) -> String {
        format!("{}  deferred until {}", self.delivery(), clock_time(self.get("until")))
    }

    /// The start of a line: the time, and the delivery.
    fn delivery(&self) -> String {
        format!(
            "{}  {:<25}  {} → {}",
            clock_time(self.get("timestamp")),
            self.get("event"),
            self.get("conversation_id"),
            self.get("destination_id"),
        )
    }
}

/// The time of day of an RFC 3339 time in UTC.
fn clock_time(moment: &str) -> &str {
    moment.get(11..19).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery_fields(more: &[(&'static str, &str)]) -> EventFields {
        let delivery =
            [("event", "conversation.failed"), ("conversation_id", "c-1"), ("destination_id", "dst_1")];
        EventFields(delivery.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())).collect())
    }

    #[test]
    fn a_line_says_what_came_of_an_attempt() {
        let fields = delivery_fields(&[
            ("timestamp", "2026-09-01T10:00:01.500Z"),
            ("attempt", "2"),
            ("outcome", "http_error"),
            ("http_status", "500"),
            ("duration_ms", "12"),
            ("status", "retrying"),
            ("next_at", "2026-09-01T10:00:11.500Z"),
        ]);
        assert_eq!(
            fields.attempt_line(),
            "10:00:01  conversation.failed        c-1 → dst_1  attempt 2  HTTP 500        12 ms  retry at 10:00:11"
        );
    }

    #[test]
    fn a_line_says_until_when_a_delivery_is_deferred() {
        let fields = delivery_fields(&[
            ("timestamp", "2026-09-01T10:00:01.500Z"),
            ("until", "2026-09-01T10:00:13.333Z"),
        ]);
        assert_eq!(
            fields.deferral_line(),
            "10:00:01  conversation.failed        c-1 → dst_1  deferred until 10:00:13"
        );
    }
}
