//! Routes that resend events and test a destination.

use adapters::caller::Caller;
use adapters::dynamodb::{ConversationTable, DeliveryLogTable, DestinationTable, EventTable};
use adapters::http::problem::{Code, Problem};
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use adapters::sqs::Queue;
use domain::delivery::record::Delivery;
use domain::delivery_log::cursor::{decode, encode};
use domain::delivery_log::search::Filter;
use domain::destination::retry::Retry;
use domain::event::kind::EventKind;
use domain::redelivery::resend::{NoDestination, Recovered, Resend, Resent};
use domain::redelivery::send_test::SendTest;
use domain::shared::ids::{ConversationId, DeliveryId, DestinationId, EventId};
use domain::shared::invalid::both;
use domain::shared::json::JsonObject;
use domain::shared::randomness::Seed;
use http::StatusCode;
use serde::Serialize;

/// Dependencies of the three routes.
pub(crate) struct Redelivery<'a> {
    pub(crate) resend: &'a Resend<DeliveryLogTable, DestinationTable, ConversationTable, EventTable, Queue>,
    pub(crate) send_test: &'a SendTest<ConversationTable, EventTable, Queue>,
    /// The ids of what is sent derive from it.
    pub(crate) seed: Seed,
}

/// A delivery that was queued, as callers see it.
#[derive(Serialize)]
struct SentView<'a> {
    delivery_id: &'a DeliveryId,
    event_id: Option<EventId>,
    conversation_id: &'a ConversationId,
}

#[derive(Serialize)]
struct RecoveryView {
    deliveries: usize,
    complete: bool,
    /// Where the next call continues.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl Redelivery<'_> {
    /// The route that the request names.
    pub(crate) async fn run(&self, caller: &Caller, request: &Request) -> Result<Reply, Problem> {
        match request.route() {
            "POST /v1/deliveries/{delivery_id}/resend" => self.resend(caller, request).await,
            "POST /v1/destinations/{destination_id}/test" => self.test(caller, request).await,
            _ => self.recover(caller, request).await,
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
            Resent::UnderWay => {
                let detail = "This delivery has not ended: its next attempt follows within half a minute.";
                Err(Problem::new(Code::UnderWay, detail))
            }
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
        let kind = both(fields.optional("event", rule), fields.allow_only(&["event"]))?.0;
        let kind = kind.unwrap_or(EventKind::Completed);
        match self.resend.active(&caller.account_id, &id).await? {
            Ok(destination) => Ok(sent(&self.send_test.run(&destination, kind, &self.seed).await?)),
            Err(NoDestination::Missing) => Err(Problem::not_found("destination")),
            Err(NoDestination::Disabled) => Err(disabled()),
        }
    }

    /// `POST /v1/destinations/{destination_id}/recover`: resends every delivery created since `since` that ended
    /// without success.
    async fn recover(&self, caller: &Caller, request: &Request) -> Result<Reply, Problem> {
        let id = destination_of(request)?;
        let fields: JsonObject = request.json_or_empty()?;
        let since = fields.required("since", "must be an RFC 3339 time such as 2026-09-01T10:00:00Z");
        let cursor = fields.optional::<String>("cursor", "must be a string");
        let dry_run = fields.optional::<bool>("dry_run", "must be true or false");
        let unknown = fields.allow_only(&["since", "cursor", "dry_run"]);
        let ((since, cursor), (dry_run, ())) = both(both(since, cursor), both(dry_run, unknown))?;
        let dry_run = dry_run.unwrap_or_default();
        let Caller { account_id, cursor_secret, .. } = caller;
        let filter = Filter { destination: Some(id.clone()), from: Some(since), ..Filter::default() };
        let after = cursor.map(|cursor| decode(&cursor, account_id, &filter, cursor_secret)).transpose();
        let after = after.map_err(|wrong| Problem::bad_request(&wrong))?;
        let retry = match self.resend.active(&caller.account_id, &id).await? {
            Err(NoDestination::Missing) => return Err(Problem::not_found("destination")),
            Err(NoDestination::Disabled) if !dry_run => return Err(disabled()),
            Ok(destination) => destination.retry,
            Err(NoDestination::Disabled) => Retry::default(), // nothing is sent
        };
        let Recovered { deliveries, next } =
            self.resend.all(account_id, filter.clone(), after, retry, dry_run).await?;
        let next_cursor = next.map(|next| encode(&next, account_id, &filter, cursor_secret));
        let status = if dry_run { StatusCode::OK } else { StatusCode::ACCEPTED };
        Ok(Reply::json(status, &RecoveryView { deliveries, complete: next_cursor.is_none(), next_cursor }))
    }
}

fn sent(delivery: &Delivery) -> Reply {
    let Delivery { id, conversation_id, .. } = delivery;
    Reply::json(StatusCode::ACCEPTED, &SentView { delivery_id: id, event_id: id.event_id(), conversation_id })
}

fn destination_of(request: &Request) -> Result<DestinationId, Problem> {
    DestinationId::parse(request.path("destination_id")).map_err(|_| Problem::not_found("destination"))
}

fn disabled() -> Problem {
    Problem::new(Code::Disabled, "The destination is disabled: enable it first.")
}
