//! What is counted and measured, by the event of the log that it is part of.
//!
//! A dimension takes few values, which the code knows: CloudWatch charges for each. Accounts and destinations are in
//! the lines themselves, where Logs Insights counts them.

/// One metric.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    /// The field that is measured; where there is none, each line counts as one.
    pub(super) field: Option<&'static str>,
    /// The field that tells the lines apart.
    pub(super) by: Option<&'static str>,
    /// The value of that field which is not counted.
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

/// The metrics of an event of the log.
pub(super) fn of(event: &str) -> &'static [Metric] {
    ALL.iter().find(|(events, _)| events.contains(&event)).map_or(&[], |(_, metrics)| *metrics)
}

/// Every metric with the field that tells its lines apart, for whoever shows them.
pub fn names() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    ALL.iter().flat_map(|(_, metrics)| metrics.iter().map(|metric| (metric.name, metric.by)))
}

/// By the events of the log that they are part of.
const ALL: &[(&[&str], &[Metric])] = &[
    (&["event.accepted"], &[count_by("EventsAccepted", "event")]),
    (
        &["delivery.attempted"],
        &[
            count_by("Attempts", "outcome"),
            // A delivery that is to be tried again has not come to anything yet.
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
    (&["unavailable", "delivery.failed"], &[count("Failures")]),
];
