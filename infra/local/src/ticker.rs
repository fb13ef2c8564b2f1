//! Prints a readable line for each attempt and each deferred delivery, from the event that the log gets.

use std::collections::BTreeMap;
use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::screen;

/// Starts the log: attempts as lines for people, warnings and errors in full on standard error.
pub(crate) fn start(quiet: bool) {
    let attempts = FilterFn::new(move |metadata| !quiet && *metadata.level() == Level::INFO);
    let trouble =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(LevelFilter::WARN);
    tracing_subscriber::registry().with(Ticker.with_filter(attempts)).with(trouble).init();
}

struct Ticker;

impl<S: Subscriber> Layer<S> for Ticker {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        match fields.get("message") {
            "delivery.attempted" => screen::line(&fields.attempt()),
            "delivery.deferred" => screen::line(&fields.defer()),
            _ => {}
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Fields {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn attempt(&self) -> String {
        let result = match self.get("http_status") {
            "" => self.get("outcome"),
            status => status,
        };
        let next = match self.get("status") {
            "retrying" => format!("next at {}", clock_time(self.get("next_at"))),
            status => status.to_owned(),
        };
        format!(
            "{}  attempt {}  {:<11}  {:>5} ms  {next}",
            self.delivery("ended_at"),
            self.get("attempt"),
            result,
            self.get("duration_ms"),
        )
    }

    fn defer(&self) -> String {
        format!("{}  deferred until {}", self.delivery("deferred_at"), clock_time(self.get("until")))
    }

    /// What it is about, and when that was.
    fn delivery(&self, moment: &str) -> String {
        format!(
            "{}  {:<25}  {} → {}",
            clock_time(self.get(moment)),
            self.get("event"),
            self.get("conversation_id"),
            self.get("destination_id"),
        )
    }
}

/// The time of day, in UTC, of a time in RFC 3339.
fn clock_time(moment: &str) -> &str {
    moment.get(11..19).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_a_delivery(more: &[(&'static str, &str)]) -> Fields {
        let delivery =
            [("event", "conversation.failed"), ("conversation_id", "c-1"), ("destination_id", "dst_1")];
        Fields(delivery.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())).collect())
    }

    #[test]
    fn a_line_says_what_came_of_an_attempt() {
        let fields = of_a_delivery(&[
            ("ended_at", "2026-09-01T10:00:01.500Z"),
            ("attempt", "2"),
            ("outcome", "http_error"),
            ("http_status", "500"),
            ("duration_ms", "12"),
            ("status", "retrying"),
            ("next_at", "2026-09-01T10:00:11.500Z"),
        ]);
        assert_eq!(
            fields.attempt(),
            "10:00:01  conversation.failed        c-1 → dst_1  attempt 2  500             12 ms  next at 10:00:11"
        );
    }

    #[test]
    fn a_line_says_until_when_a_delivery_is_deferred() {
        let fields = of_a_delivery(&[
            ("deferred_at", "2026-09-01T10:00:01.500Z"),
            ("until", "2026-09-01T10:00:13.333Z"),
        ]);
        assert_eq!(
            fields.defer(),
            "10:00:01  conversation.failed        c-1 → dst_1  deferred until 10:00:13"
        );
    }
}
