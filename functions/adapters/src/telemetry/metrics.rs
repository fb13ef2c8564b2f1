//! The metrics, by the log event that carries them.
//!
//! A dimension has few values, all known to the code: CloudWatch charges for each. Accounts and destinations are fields
//! of the lines, where Logs Insights counts them. What only has to be counted by a field of frequent lines is counted by
//! the template's metric filters, which cost no bytes; a filter's metric has no percentiles.

/// The metrics of some log events.
pub(super) struct Metrics {
    events: &'static [&'static str],
    /// The field that is their dimension.
    pub(super) by: Option<&'static str>,
    pub(super) metrics: &'static [Metric],
}

/// One metric.
pub(super) enum Metric {
    /// Each line counts as one, under this name.
    Count(&'static str),
    /// A field with its value, under the field's name; left out if the line has no such field.
    Field(&'static str),
}

impl Metric {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Count(name) | Self::Field(name) => name,
        }
    }
}

/// The metrics of a log event.
pub(super) fn of(event: &str) -> Option<&'static Metrics> {
    ALL.iter().find(|metrics| metrics.events.contains(&event))
}

/// Every metric's name and dimension, for dashboards and alarms.
pub fn names() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    ALL.iter().flat_map(|of| of.metrics.iter().map(|metric| (metric.name(), of.by)))
}

const fn count(events: &'static [&'static str], metrics: &'static [Metric]) -> Metrics {
    Metrics { events, by: None, metrics }
}

const fn count_by(by: &'static str, events: &'static [&'static str], metrics: &'static [Metric]) -> Metrics {
    Metrics { events, by: Some(by), metrics }
}

/// Every metric, by the log events that carry it.
const ALL: &[Metrics] = &[
    count(
        &["delivery.attempted"],
        &[Metric::Field("duration_ms"), Metric::Field("delay_ms"), Metric::Field("receives_without_attempt")],
    ),
    count_by("reconciled", &["dead_letter.reconciled"], &[Metric::Count("DeadLettersReconciled")]),
    count(&["message.poison"], &[Metric::Count("PoisonMessages")]),
    count_by("taken", &["callback.received"], &[Metric::Count("Callbacks")]),
    count_by("provider", &["callback.refused"], &[Metric::Count("CallbacksRefused")]),
    count(&["callback.lost"], &[Metric::Count("CallbacksLost")]),
    count(&["request.limited"], &[Metric::Count("RequestsLimited")]),
    count(&["delivery.deferred"], &[Metric::Count("DeliveriesDeferred")]),
    count(&["bus_event.failed"], &[Metric::Count("BusEventsFailed")]),
    count(&["unavailable", "delivery.failed", "fan_out.failed"], &[Metric::Count("Failures")]),
];
