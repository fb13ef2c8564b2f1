//! Routes for the Delivery Logs.

use adapters::caller::Caller;
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::delivery_log::cursor::{decode, encode};
use domain::delivery_log::search::DeliveryLog;
use domain::delivery_log::search::{DEFAULT_PAGE, Filter, MAX_PAGE, Search};
use domain::destination::store::Destinations;
use domain::shared::ids::{ConversationId, DeliveryId, DestinationId, EventId};
use domain::shared::invalid::{Invalid, Mistakes};
use domain::shared::timestamp::Timestamp;
use http::StatusCode;
use serde::Serialize;
use strum::VariantArray;

use crate::view;

/// Lambda answers with at most 6 MB, of which the envelope takes a little. A payload that does not fit is left out.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_ANSWER_BYTES: usize = 6_000_000;

/// `GET /v1/deliveries`: deliveries, newest first.
pub(crate) async fn list(
    log: &impl DeliveryLog,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    let Caller { account_id, cursor_secret, .. } = caller;
    let SearchParameters { mut filter, cursor, limit } = SearchParameters::read(request.query())?;
    filter.hides_skipped = !asks_for_skipped(&filter);
    let after = cursor.map(|cursor| decode(&cursor, account_id, &filter, cursor_secret)).transpose();
    let after = after.map_err(|wrong| Problem::bad_request(&wrong))?;
    let search = Search { filter, after, limit };
    let page = log.search(account_id, &search).await?;
    let next = page.next.map(|position| encode(&position, account_id, &search.filter, cursor_secret));
    let deliveries = log.with_later(page.deliveries).await?;
    Ok(Reply::json(StatusCode::OK, &view::Page::new(&deliveries, next)))
}

/// Whether a search shows what was skipped because its destination was disabled. Every event leaves such rows, so a search
/// for nothing in particular would show little else.
fn asks_for_skipped(filter: &Filter) -> bool {
    let Filter { destination, conversation, event_id, statuses, undelivered, .. } = filter;
    destination.is_some()
        || conversation.is_some()
        || event_id.is_some()
        || !statuses.is_empty()
        || *undelivered
}

/// `GET /v1/deliveries/{delivery_id}`: one delivery with all its attempts.
pub(crate) async fn show(
    log: &impl DeliveryLog,
    destinations: &impl Destinations,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    let none = || Problem::not_found("delivery");
    let id = DeliveryId::parse(request.path("delivery_id")).map_err(|_| none())?;
    let (summary, records) = log.history(&caller.account_id, &id).await?.ok_or_else(none)?;
    let destination = destinations.get(&caller.account_id, &summary.delivery.destination_id).await?;
    let event = log.carried(&summary.delivery).await?;
    Ok(fitting(|whole| {
        let event = event.as_ref().filter(|_| whole);
        view::Detail::new(&summary, &records, event, destination.as_ref())
    }))
}

/// The answer with a payload, or without it where it would be too large.
pub(crate) fn fitting<T: Serialize>(view: impl Fn(bool) -> T) -> Reply {
    let json_of = |whole| serde_json::to_string(&view(whole)).unwrap_or_default(); // our types always serialize
    let mut body = json_of(true);
    // The body is a string in Lambda's own JSON, so every escaped character is escaped once more.
    if body.len() + body.matches(['"', '\\']).count() > MAX_ANSWER_BYTES {
        body = json_of(false);
    }
    Reply::raw_json(StatusCode::OK, body)
}

/// The parameters of a search.
pub(crate) struct SearchParameters {
    pub(crate) filter: Filter,
    pub(crate) cursor: Option<String>,
    pub(crate) limit: usize,
}

impl SearchParameters {
    pub(crate) fn read(query: &[(String, String)]) -> Result<Self, Invalid> {
        let mut parameters = Self { filter: Filter::default(), cursor: None, limit: DEFAULT_PAGE };
        let mut mistakes = Mistakes::default();
        for (name, value) in query {
            mistakes.note(parameters.take(name, value));
        }
        mistakes.none()?;
        Ok(parameters)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let filter = &mut self.filter;
        match name {
            "destination_id" => filter.destination = Some(DestinationId::parse(value)?),
            "conversation_id" => filter.conversation = Some(ConversationId::parse(value)?),
            "event_id" => filter.event_id = Some(EventId::parse(value)?),
            "event" => filter.event = Some(one_of("event", value)?),
            "trigger" => filter.trigger = Some(one_of("trigger", value)?),
            "status" => filter.statuses.push(one_of("status", value)?),
            "undelivered" => filter.undelivered = undelivered(value)?,
            "outcome" => filter.outcome = Some(one_of("outcome", value)?),
            "http_status" => filter.http_status = Some(http_status(value)?),
            "from" => filter.from = Some(time("from", value)?),
            "to" => filter.to = Some(time("to", value)?),
            "cursor" => self.cursor = Some(value.to_owned()),
            "limit" => self.limit = limit(value)?,
            _ => return Err(not_a_parameter(name)),
        }
        Ok(())
    }
}

pub(crate) fn not_a_parameter(name: &str) -> Invalid {
    Invalid::new(name.to_owned(), "is not a parameter of this search")
}

/// The value with the given name; an error lists every name.
fn one_of<T: AsRef<str> + Copy + VariantArray>(field: &'static str, given: &str) -> Result<T, Invalid> {
    T::VARIANTS.iter().copied().find(|value| value.as_ref() == given).ok_or_else(|| {
        let names: Vec<&str> = T::VARIANTS.iter().map(AsRef::as_ref).collect();
        Invalid::new(field, format!("must be one of {}", names.join(", ")))
    })
}

pub(crate) fn time(name: &'static str, value: &str) -> Result<Timestamp, Invalid> {
    Timestamp::parse(value)
        .ok_or_else(|| Invalid::new(name, "must be an RFC 3339 time such as 2026-01-31T12:00:00Z"))
}

fn http_status(value: &str) -> Result<u16, Invalid> {
    let status = value.parse().ok().filter(|status| (100..=599).contains(status));
    status.ok_or_else(|| Invalid::new("http_status", "must be a number from 100 to 599"))
}

fn undelivered(value: &str) -> Result<bool, Invalid> {
    if value == "true" { Ok(true) } else { Err(Invalid::new("undelivered", "must be true, or absent")) }
}

fn limit(value: &str) -> Result<usize, Invalid> {
    let limit = value.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
    limit.ok_or_else(|| Invalid::new("limit", "must be a number from 1 to 100"))
}

#[cfg(test)]
mod tests {
    use domain::delivery::outcome::OutcomeClass;
    use domain::delivery::record::{DeliveryStatus, Trigger};

    use super::*;

    fn read(name: &str, value: &str) -> Result<SearchParameters, Invalid> {
        SearchParameters::read(&[(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for (name, value) in [
            ("status", "broken"),
            ("event", "conversation.started"),
            ("outcome", "500"),
            ("http_status", "99"),
            ("trigger", "cron"),
            ("undelivered", "false"),
            ("event_id", "a#b"),
            ("from", "yesterday"),
            ("limit", "0"),
            ("limit", "101"),
            ("destination", "dst_1"),
        ] {
            assert_eq!(read(name, value).err().unwrap().field, name);
        }
        assert!(read("status", "x").err().unwrap().rule.contains("exhausted"));
    }

    #[test]
    fn all_wrong_parameters_are_named() {
        let query = [("status", "broken"), ("limit", "5"), ("from", "yesterday"), ("colour", "red")];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let wrong = SearchParameters::read(&query).err().unwrap();
        let fields: Vec<_> = wrong.each().map(|one| one.field).collect();
        assert_eq!(fields, ["status", "from", "colour"]);
    }

    #[test]
    fn good_parameters_are_taken() {
        assert_eq!(read("limit", "100").unwrap().limit, 100);
        let statuses = [("status", "exhausted"), ("status", "skipped")];
        let statuses =
            SearchParameters::read(&statuses.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let wanted = [DeliveryStatus::Exhausted, DeliveryStatus::Skipped];
        assert_eq!(statuses.unwrap().filter.statuses, wanted);
        assert_eq!(read("http_status", "503").unwrap().filter.http_status, Some(503));
        assert!(read("undelivered", "true").unwrap().filter.undelivered);
        assert_eq!(read("trigger", "test").unwrap().filter.trigger, Some(Trigger::Test));
        assert_eq!(read("outcome", "http_error").unwrap().filter.outcome, Some(OutcomeClass::HttpError));
    }
}
