//! Routes that resend events and test a destination.

use adapters::caller::Caller;
use adapters::dynamodb::{ConversationTable, DeliveryLogTable, DestinationTable, EventTable};
use adapters::http::problem::{Code, Problem};
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use adapters::sqs::Queue;
use domain::delivery::record::Delivery;
use domain::event::kind::EventKind;
use domain::redelivery::resend::{NoDestination, NotSent, Resend, Resent, SentEvent, active};
use domain::redelivery::send_test::SendTest;
use domain::shared::ids::{ConversationId, DeliveryId, DestinationId, EventId};
use domain::shared::invalid::{Invalid, both};
use domain::shared::json::JsonObject;
use domain::shared::randomness::Seed;
use http::StatusCode;
use serde::Serialize;

/// Dependencies of the three routes.
pub(crate) struct Redelivery<'a> {
    pub(crate) resend: &'a Resend<DeliveryLogTable, DestinationTable, ConversationTable, EventTable, Queue>,
    pub(crate) destinations: &'a DestinationTable,
    pub(crate) send_test: &'a SendTest<ConversationTable, EventTable, Queue>,
    /// The ids of what is sent derive from it.
    pub(crate) seed: Seed,
}

/// A delivery that was queued, as callers see it.
#[derive(Serialize)]
struct SentView<'a> {
    delivery_id: &'a DeliveryId,
    event_id: Option<EventId>,
    conversation_id: Option<&'a ConversationId>,
}

#[derive(Serialize)]
struct SentEventView {
    event_id: EventId,
    conversation_id: Option<ConversationId>,
    deliveries: Vec<SentDelivery>,
}

#[derive(Serialize)]
struct SentDelivery {
    delivery_id: DeliveryId,
    destination_id: DestinationId,
}

impl Redelivery<'_> {
    /// The route that the request names.
    pub(crate) async fn run(&self, caller: &Caller, request: &Request) -> Result<Reply, Problem> {
        match request.route() {
            "POST /v1/deliveries/{delivery_id}/resend" => self.resend(caller, request).await,
            "POST /v1/events/{event_id}/send" => self.send(caller, request).await,
            _ => self.test(caller, request).await,
        }
    }

    /// `POST /v1/deliveries/{delivery_id}/resend`: sends the same event in a new delivery.
    async fn resend(&self, caller: &Caller, request: &Request) -> Result<Reply, Problem> {
        let none = || Problem::not_found("delivery");
        let id = DeliveryId::parse(request.path("delivery_id")).map_err(|_| none())?;
        let fields: JsonObject = request.json_or_empty()?;
        let payload = fields.optional("payload", "must be original or latest");
        let payload = both(payload, fields.allow_only(&["payload"]))?.0.unwrap_or_default();
        match self.resend.one(&caller.account_id, &id, payload, &self.seed).await? {
            Resent::Sent(delivery) => Ok(sent(&delivery)),
            Resent::NoDelivery => Err(none()),
            Resent::UnderWay => Err(under_way()),
            Resent::NoEvent => {
                let detail = "The event of this delivery is no longer stored, so it cannot be sent again.";
                Err(Problem::new(Code::EventExpired, detail))
            }
            Resent::NoRecord => {
                let detail =
                    "The record of this conversation is no longer stored, so there is no latest payload.";
                Err(Problem::new(Code::NoRecord, detail))
            }
            Resent::Refused(NoDestination::Missing) => {
                let detail = "The destination of this delivery was deleted.";
                Err(Problem::new(Code::NoDestination, detail))
            }
            Resent::Refused(NoDestination::Disabled) => Err(disabled()),
        }
    }

    /// `POST /v1/destinations/{destination_id}/test`: sends an event marked as a test to this destination only.
    async fn test(&self, caller: &Caller, request: &Request) -> Result<Reply, Problem> {
        let id = destination_of(request)?;
        let fields: JsonObject = request.json_or_empty()?;
        let rule = "must be conversation.completed, conversation.disconnected or conversation.failed";
        let kind = fields.optional("event", rule).and_then(|kind: Option<EventKind>| match kind {
            Some(kind) if kind.is_notice() => Err(Invalid::new("event", rule)),
            kind => Ok(kind),
        });
        let kind = both(kind, fields.allow_only(&["event"]))?.0;
        let kind = kind.unwrap_or(EventKind::Completed);
        let destination =
            active(self.destinations, &caller.account_id, &id).await?.map_err(no_destination)?;
        Ok(sent(&self.send_test.run(&destination, kind, &self.seed).await?))
    }

    /// `POST /v1/events/{event_id}/send`: sends an event to one destination, or to all that want it.
    async fn send(&self, caller: &Caller, request: &Request) -> Result<Reply, Problem> {
        let none = || Problem::not_found("event");
        let id = EventId::parse(request.path("event_id")).map_err(|_| none())?;
        let fields: JsonObject = request.json_or_empty()?;
        let to = fields.optional::<DestinationId>("destination_id", "must be the id of a destination");
        let to = both(to, fields.allow_only(&["destination_id"]))?.0;
        let sent = self.resend.event(&caller.account_id, &id, to.as_ref(), &self.seed).await?;
        match sent {
            Ok(SentEvent { conversation_id, deliveries }) => {
                let delivery = |Delivery { id, destination_id, .. }: Delivery| SentDelivery {
                    delivery_id: id,
                    destination_id,
                };
                let deliveries = deliveries.into_iter().map(delivery).collect();
                let view = SentEventView { event_id: id, conversation_id, deliveries };
                Ok(Reply::json(StatusCode::ACCEPTED, &view))
            }
            Err(NotSent::NoEvent) => Err(none()),
            Err(NotSent::UnderWay) => Err(under_way()),
            Err(NotSent::Refused(reason)) => Err(no_destination(reason)),
        }
    }
}

fn sent(delivery: &Delivery) -> Reply {
    let Delivery { id, conversation_id, .. } = delivery;
    let conversation_id = conversation_id.as_ref();
    Reply::json(StatusCode::ACCEPTED, &SentView { delivery_id: id, event_id: id.event_id(), conversation_id })
}

pub(crate) fn destination_of(request: &Request) -> Result<DestinationId, Problem> {
    DestinationId::parse(request.path("destination_id")).map_err(|_| Problem::not_found("destination"))
}

/// Why nothing is sent to the destination that a request names.
pub(crate) fn no_destination(reason: NoDestination) -> Problem {
    match reason {
        NoDestination::Missing => Problem::not_found("destination"),
        NoDestination::Disabled => disabled(),
    }
}

fn under_way() -> Problem {
    let detail = "This delivery has not ended: its next attempt follows within half a minute.";
    Problem::new(Code::UnderWay, detail)
}

fn disabled() -> Problem {
    Problem::new(Code::Disabled, "The destination is disabled: enable it first.")
}
