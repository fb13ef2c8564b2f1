//! The metrics, by the log event that carries them.
//!
//! A dimension has few values, all known to the code: CloudWatch charges for each. Accounts and destinations are fields
//! of the lines, where Logs Insights counts them.

/// One metric.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    /// The field with the value; without one, each line counts as one.
    pub(super) field: Option<&'static str>,
    /// The field that is the metric's dimension.
    pub(super) by: Option<&'static str>,
    /// The dimension's value that is not counted.
    pub(super) except: Option<&'static str>,
}

/// CloudWatch's units.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Count,
    Milliseconds,
}

impl Unit {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

const fn count(name: &'static str) -> Metric {
    Metric { name, unit: Unit::Count, field: None, by: None, except: None }
}

const fn count_by(name: &'static str, by: &'static str) -> Metric {
    Metric { by: Some(by), ..count(name) }
}

const fn milliseconds(name: &'static str, field: &'static str) -> Metric {
    Metric { unit: Unit::Milliseconds, field: Some(field), ..count(name) }
}

/// The metrics of a log event.
pub(super) fn of(event: &str) -> &'static [Metric] {
    ALL.iter().find(|(events, _)| events.contains(&event)).map_or(&[], |(_, metrics)| *metrics)
}

/// Every metric's name and dimension, for dashboards and alarms.
pub fn names() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    ALL.iter().flat_map(|(_, metrics)| metrics.iter().map(|metric| (metric.name, metric.by)))
}

/// Every metric, by the log events that carry it.
const ALL: &[(&[&str], &[Metric])] = &[
    (&["event.accepted"], &[count_by("EventsAccepted", "event")]),
    (
        &["delivery.attempted"],
        &[
            count_by("Attempts", "outcome"),
            // A delivery that will be retried has no final status yet.
            Metric { except: Some("retrying"), ..count_by("Deliveries", "status") },
            milliseconds("AttemptDuration", "duration_ms"),
            milliseconds("FirstAttemptDelay", "first_attempt_delay_ms"),
            Metric { field: Some("receives_without_attempt"), ..count("ReceivesWithoutAttempt") },
        ],
    ),
    (&["delivery.cancelled", "delivery.skipped"], &[count_by("Deliveries", "status")]),
    (&["dead_letter.reconciled"], &[count_by("DeadLettersReconciled", "reconciled")]),
    (&["message.poison"], &[count("PoisonMessages")]),
    (&["callback.received"], &[count_by("Callbacks", "taken")]),
    (&["callback.refused"], &[count_by("CallbacksRefused", "provider")]),
    (&["callback.lost"], &[count("CallbacksLost")]),
    (&["request.limited"], &[count("RequestsLimited")]),
    (&["delivery.deferred"], &[count("DeliveriesDeferred")]),
    (&["bus_event.failed"], &[count("BusEventsFailed")]),
    (&["unavailable", "delivery.failed", "fan_out.failed"], &[count("Failures")]),
];
