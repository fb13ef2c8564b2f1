//! Prints a line for each attempt and each deferred delivery, made from the events that the functions log.

use std::collections::BTreeMap;
use std::fmt;

use adapters::system::SystemClock;
use domain::shared::clock::Clock as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::api::Api;
use crate::cli::names::Names;
use crate::screen;

/// Starts the log: readable lines for attempts on standard output, warnings and errors in full on standard error.
/// Returns what the lines are made of, for [`Lines::print`].
pub(crate) fn start(quiet: bool) -> Lines {
    let attempts = FilterFn::new(move |metadata| !quiet && *metadata.level() == Level::INFO);
    let warnings =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(LevelFilter::WARN);
    let (sender, receiver) = unbounded_channel();
    let ticker = Ticker(sender.clone()).with_filter(attempts);
    tracing_subscriber::registry().with(ticker).with(warnings).init();
    Lines { sender, receiver }
}

/// The events of attempts and deferrals, before they are printed with the names of their destinations.
pub(crate) struct Lines {
    sender: UnboundedSender<Option<EventFields>>,
    receiver: UnboundedReceiver<Option<EventFields>>,
}

impl Lines {
    /// Prints lines until told to stop. The API knows the names.
    pub(crate) fn print(mut self, api: Api) -> Printer {
        let task = tokio::spawn(async move {
            let mut names = Names::default();
            while let Some(Some(fields)) = self.receiver.recv().await {
                let destination = names.of(fields.get("destination_id"), &api).await;
                screen::line(&fields.line(&destination));
            }
        });
        Printer { sender: self.sender, task }
    }
}

/// The task that prints lines.
pub(crate) struct Printer {
    sender: UnboundedSender<Option<EventFields>>,
    task: JoinHandle<()>,
}

impl Printer {
    /// Returns once everything of before is printed.
    pub(crate) async fn stop(self) {
        let _ = self.sender.send(None); // fails only if the task has ended
        let _ = self.task.await; // an error means that it panicked, so it has ended too
    }
}

struct Ticker(UnboundedSender<Option<EventFields>>);

impl<S: Subscriber> Layer<S> for Ticker {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = EventFields::default();
        event.record(&mut fields);
        if ["delivery.attempted", "delivery.deferred"].contains(&fields.get("message")) {
            fields.0.insert("timestamp", SystemClock.now().to_string());
            let _ = self.0.send(Some(fields)); // fails only after the last line
        }
    }
}

#[derive(Default)]
pub(crate) struct EventFields(BTreeMap<&'static str, String>);

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

    fn line(&self, destination: &str) -> String {
        match self.get("message") {
            "delivery.deferred" => self.deferral_line(destination),
            _ => self.attempt_line(destination),
        }
    }

    fn attempt_line(&self, destination: &str) -> String {
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
            self.delivery(destination),
            self.get("attempt"),
            result,
            self.get("duration_ms"),
        )
    }

    fn deferral_line(&self, destination: &str) -> String {
        format!("{}  deferred until {}", self.delivery(destination), clock_time(self.get("until")))
    }

    /// The start of a line: the time, and the delivery.
    fn delivery(&self, destination: &str) -> String {
        format!(
            "{}  {:<25}  {} → {destination}",
            clock_time(self.get("timestamp")),
            self.get("event"),
            self.get("conversation_id"),
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
        let delivery = [("event", "conversation.failed"), ("conversation_id", "c-1")];
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
            fields.line("CRM (dst_1)"),
            "10:00:01  conversation.failed        c-1 → CRM (dst_1)  attempt 2  HTTP 500        12 ms  retry at 10:00:11"
        );
    }

    #[test]
    fn a_line_says_until_when_a_delivery_is_deferred() {
        let fields = delivery_fields(&[
            ("message", "delivery.deferred"),
            ("timestamp", "2026-09-01T10:00:01.500Z"),
            ("until", "2026-09-01T10:00:13.333Z"),
        ]);
        assert_eq!(
            fields.line("CRM (dst_1)"),
            "10:00:01  conversation.failed        c-1 → CRM (dst_1)  deferred until 10:00:13"
        );
    }
}
