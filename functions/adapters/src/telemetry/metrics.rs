//! The metrics, by the log event that carries them.
//!
//! A dimension has few values, all known to the code: CloudWatch charges for each. Accounts and destinations are fields
//! of the lines, where Logs Insights counts them. The metrics of frequent lines are read by the template's metric filters,
//! which cost no bytes.

/// The metric of some log events: each of their lines counts as one.
pub(super) struct Metric {
    events: &'static [&'static str],
    /// The field that is their dimension.
    pub(super) by: Option<&'static str>,
    /// The metric that counts them.
    pub(super) name: &'static str,
}

/// The metric of a log event.
pub(super) fn of(event: &str) -> Option<&'static Metric> {
    ALL.iter().find(|metric| metric.events.contains(&event))
}

/// Every metric's name and dimension, for dashboards and alarms.
pub fn names() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    ALL.iter().map(|metric| (metric.name, metric.by))
}

const fn count(events: &'static [&'static str], name: &'static str) -> Metric {
    Metric { events, by: None, name }
}

const fn count_by(by: &'static str, events: &'static [&'static str], name: &'static str) -> Metric {
    Metric { events, by: Some(by), name }
}

/// Every metric, by the log events that carry it.
const ALL: &[Metric] = &[
    count_by("reconciled", &["dead_letter.reconciled"], "DeadLettersReconciled"),
    count(&["message.poison"], "PoisonMessages"),
    count_by("taken", &["callback.received"], "Callbacks"),
    count_by("provider", &["callback.refused"], "CallbacksRefused"),
    count(&["callback.lost"], "CallbacksLost"),
    count(&["request.limited"], "RequestsLimited"),
    count(&["delivery.deferred"], "DeliveriesDeferred"),
    count(&["bus_event.failed"], "BusEventsFailed"),
    count(&["unavailable", "delivery.failed", "fan_out.failed"], "Failures"),
];
