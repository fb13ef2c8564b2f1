//! Routes for events.

use adapters::caller::Caller;
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::delivery_log::cursor::{decode, encode};
use domain::delivery_log::search::{DeliveryLog, Filter, Search};
use domain::shared::ids::EventId;
use domain::shared::invalid::{Mistakes, both};
use http::StatusCode;

use crate::deliveries::{SearchParameters, fitting, not_a_parameter};
use crate::view::{EventDetail, EventPage};

/// Binds a cursor to this list.
const EVENTS: &str = "events";

/// The parameters of a search that apply to events.
const PARAMETERS: [&str; 5] = ["event", "from", "to", "cursor", "limit"];

/// The most deliveries of one event that are shown: the newest.
const MAX_DELIVERIES: usize = 1_000;

/// `GET /v1/events`: events, newest first.
pub(crate) async fn list(
    log: &impl DeliveryLog,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    let Caller { account_id, cursor_secret, .. } = caller;
    let query = request.query();
    let (known, others): (Vec<_>, Vec<_>) =
        query.iter().cloned().partition(|(name, _)| PARAMETERS.contains(&name.as_str()));
    let others: Mistakes = others.iter().map(|(name, _)| not_a_parameter(name)).collect();
    let (parameters, ()) = both(SearchParameters::read(&known), others.none())?;
    let SearchParameters { filter, cursor, limit } = parameters;
    let after =
        cursor.map(|cursor| decode(&cursor, account_id, &(EVENTS, &filter), cursor_secret)).transpose();
    let after = after.map_err(|wrong| Problem::bad_request(&wrong))?;
    let search = Search { filter, after, limit };
    let page = log.events(account_id, &search).await?;
    let next =
        page.next.map(|position| encode(&position, account_id, &(EVENTS, &search.filter), cursor_secret));
    Ok(Reply::json(StatusCode::OK, &EventPage::new(&page.events, next)))
}

/// `GET /v1/events/{event_id}`: one event with all its deliveries.
pub(crate) async fn show(
    log: &impl DeliveryLog,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    let none = || Problem::not_found("event");
    let id = EventId::parse(request.path("event_id")).map_err(|_| none())?;
    let event = log.event(&caller.account_id, &id).await?.ok_or_else(none)?;
    let filter = Filter { event_id: Some(id), ..Filter::default() };
    let search = Search { filter, after: None, limit: MAX_DELIVERIES };
    let deliveries = log.search(&caller.account_id, &search).await?.deliveries;
    let payload = std::str::from_utf8(&event.payload).ok();
    Ok(fitting(|whole| EventDetail::new(&event, &deliveries, payload.filter(|_| whole))))
}
