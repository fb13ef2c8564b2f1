//! Deliveries as the API shows them.

use std::collections::BTreeMap;

use domain::delivery::history::{Attempted, Entry, Record, url_was_refused};
use domain::delivery::included::with_included;
use domain::delivery::outcome::OutcomeClass;
use domain::delivery::record::{DeliveryStatus, Trigger};
use domain::delivery::request::{self, Preview, preview};
use domain::delivery::state::{DeliveryState, Summary};
use domain::delivery_log::events::ListedEvent;
use domain::destination::record::{Destination, RequestType};
use domain::event::kind::EventKind;
use domain::event::lifecycle_event::LifecycleEvent;
use domain::shared::ids::{ConversationId, DeliveryId, DestinationId, EventId};
use domain::shared::timestamp::Timestamp;
use serde::Serialize;

/// One page of the Delivery Logs.
#[derive(Serialize)]
pub(crate) struct Page<'a> {
    deliveries: Vec<Delivery<'a>>,
    next_cursor: Option<String>,
}

impl<'a> Page<'a> {
    pub(crate) fn new(deliveries: &'a [Summary], next_cursor: Option<String>) -> Self {
        Self { deliveries: deliveries.iter().map(Delivery::new).collect(), next_cursor }
    }
}

/// A delivery and its state.
#[derive(Serialize)]
struct Delivery<'a> {
    id: &'a DeliveryId,
    event_id: Option<EventId>,
    event: EventKind,
    conversation_id: Option<&'a ConversationId>,
    destination_id: &'a DestinationId,
    trigger: Trigger,
    status: DeliveryStatus,
    attempts: u8,
    outcome: Option<OutcomeClass>,
    http_status: Option<u16>,
    error: Option<&'a str>,
    next_attempt_at: Option<Timestamp>,
    /// The later delivery by which the event has arrived.
    delivered_later_by: Option<&'a DeliveryId>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> Delivery<'a> {
    fn new(summary: &'a Summary) -> Self {
        let Summary { delivery, state, delivered_later_by, .. } = summary;
        let DeliveryState { status, attempts, outcome, http_status, error, next_at, updated_at } = state;
        Self {
            id: &delivery.id,
            event_id: delivery.id.event_id(),
            event: delivery.event,
            conversation_id: delivery.conversation_id.as_ref(),
            destination_id: &delivery.destination_id,
            trigger: delivery.trigger,
            status: *status,
            attempts: *attempts,
            outcome: *outcome,
            http_status: *http_status,
            error: error.as_deref(),
            next_attempt_at: *next_at,
            delivered_later_by: delivered_later_by.as_ref().filter(|_| summary.has_failed()),
            created_at: delivery.created_at,
            updated_at: *updated_at,
        }
    }
}

/// One page of events.
#[derive(Serialize)]
pub(crate) struct EventPage<'a> {
    events: Vec<Event<'a>>,
    next_cursor: Option<String>,
}

impl<'a> EventPage<'a> {
    pub(crate) fn new(events: &'a [ListedEvent], next_cursor: Option<String>) -> Self {
        let event = |event: &'a ListedEvent| Event {
            id: &event.id,
            event: event.kind,
            conversation_id: event.conversation_id.as_ref(),
            created_at: event.created_at,
            deliveries: event.deliveries.iter().map(Delivery::new).collect(),
        };
        Self { events: events.iter().map(event).collect(), next_cursor }
    }
}

/// An event and its deliveries.
#[derive(Serialize)]
struct Event<'a> {
    id: &'a EventId,
    event: EventKind,
    conversation_id: Option<&'a ConversationId>,
    created_at: Timestamp,
    deliveries: Vec<Delivery<'a>>,
}

/// An event with its payload.
#[derive(Serialize)]
pub(crate) struct EventDetail<'a> {
    #[serde(flatten)]
    event: Event<'a>,
    /// The JSON text; `null` if it does not fit.
    payload: Option<&'a str>,
}

impl<'a> EventDetail<'a> {
    pub(crate) fn new(
        event: &'a LifecycleEvent,
        deliveries: &'a [Summary],
        payload: Option<&'a str>,
    ) -> Self {
        let event = Event {
            id: &event.id,
            event: event.kind,
            conversation_id: event.conversation_id.as_ref(),
            created_at: event.accepted_at,
            deliveries: deliveries.iter().map(Delivery::new).collect(),
        };
        Self { event, payload }
    }
}

/// A delivery with all its attempts.
#[derive(Serialize)]
pub(crate) struct Detail<'a> {
    #[serde(flatten)]
    delivery: Delivery<'a>,
    /// The exact JSON text that is sent; `null` once the event is no longer stored, or if it does not fit.
    payload: Option<String>,
    attempt_log: Vec<Attempt<'a>>,
}

impl<'a> Detail<'a> {
    /// Rebuilds each attempt's request for display, unless its destination has changed since.
    pub(crate) fn new(
        summary: &'a Summary,
        records: &'a [Record],
        event: Option<&'a LifecycleEvent>,
        destination: Option<&Destination>,
    ) -> Self {
        let request = |(index, record): (usize, &Record)| {
            let destination = destination.filter(|destination| destination.updated_at <= record.at)?;
            let signature = match &record.entry {
                Entry::Attempted(attempted) => attempted.signature.as_deref(),
                Entry::Inflight { .. } | Entry::Closed { .. } => None,
            };
            let attempt = request::Attempt {
                delivery: &summary.delivery.id,
                number: record.number,
                at: record.at,
                url_was_refused: url_was_refused(&records[..index]),
            };
            preview(event?, destination, attempt, signature).map(Request::from)
        };
        Self {
            delivery: Delivery::new(summary),
            payload: event.and_then(|event| {
                let sent = destination.map(|destination| with_included(event, destination).payload);
                String::from_utf8(sent.unwrap_or_else(|| event.payload.clone()).into()).ok()
            }),
            attempt_log: records
                .iter()
                .enumerate()
                .filter_map(|(index, record)| {
                    Some(Attempt { request: request((index, record)), ..Attempt::new(record)? })
                })
                .collect(),
        }
    }
}

/// The request that was sent, without its secrets. Its signature is none: it is what a receiver compares with its own.
#[derive(Serialize)]
struct Request {
    method: RequestType,
    url: String,
    headers: BTreeMap<String, String>,
}

impl From<Preview> for Request {
    fn from(Preview { method, url, headers }: Preview) -> Self {
        Self { method, url: url.into(), headers: headers.into_iter().collect() }
    }
}

/// One attempt. While it is in progress, only its start is known.
#[derive(Serialize)]
struct Attempt<'a> {
    number: u8,
    started_at: Timestamp,
    outcome: Option<OutcomeClass>,
    http_status: Option<u16>,
    error: Option<&'a str>,
    duration_ms: Option<u64>,
    next_attempt_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    payload_trimmed: &'a [String],
    request: Option<Request>,
    response: Option<Response<'a>>,
}

#[derive(Serialize)]
struct Response<'a> {
    headers: BTreeMap<&'a str, &'a str>,
    body: &'a str,
    body_truncated: bool,
}

impl<'a> Attempt<'a> {
    fn new(record: &'a Record) -> Option<Self> {
        let empty = Self {
            number: record.number,
            started_at: record.at,
            outcome: None,
            http_status: None,
            error: None,
            duration_ms: None,
            next_attempt_at: None,
            payload_trimmed: &[],
            request: None,
            response: None,
        };
        match &record.entry {
            Entry::Closed { .. } => None, // not an attempt: says why there is none
            Entry::Inflight { .. } => Some(empty),
            Entry::Attempted(Attempted { outcome, next_at, trimmed, .. }) => Some(Self {
                outcome: Some(outcome.class),
                http_status: outcome.http_status,
                error: outcome.error.as_deref(),
                duration_ms: u64::try_from(outcome.duration.as_millis()).ok(),
                next_attempt_at: *next_at,
                payload_trimmed: trimmed,
                response: outcome.response.as_ref().map(|response| Response {
                    headers: response
                        .headers
                        .iter()
                        .map(|(name, value)| (name.as_str(), value.as_str()))
                        .collect(),
                    body: &response.body,
                    body_truncated: response.truncated,
                }),
                ..empty
            }),
        }
    }
}
