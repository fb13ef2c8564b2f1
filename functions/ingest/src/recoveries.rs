//! Routes that start and stop recoveries.

use adapters::caller::Caller;
use adapters::dynamodb::{DestinationTable, RecoveryTable};
use adapters::http::problem::Problem;
use adapters::http::recovery::{recovery_id, shown};
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use adapters::sqs::Queue;
use domain::delivery::record::DeliveryStatus;
use domain::redelivery::recovery::{self, DEFAULT_PER_SECOND, Include, MAX_PER_SECOND};
use domain::redelivery::request_recovery::RequestRecovery;
use domain::shared::ids::{DestinationId, RecoveryId};
use domain::shared::invalid::{Invalid, Mistakes};
use domain::shared::json::JsonObject;
use domain::shared::randomness::Seed;
use domain::shared::timestamp::Timestamp;
use http::StatusCode;

use crate::redelivery::{destination_of, no_destination};

/// The use case with its tables and queue.
pub(crate) type Requests = RequestRecovery<DestinationTable, RecoveryTable, Queue>;

/// The fields of a recovery. The short form has the first two, and the destination in its path.
const FIELDS: [&str; 8] =
    ["since", "dry_run", "until", "event", "status", "include", "per_second", "destination_id"];

const TIME: &str = "must be an RFC 3339 time such as 2026-09-01T10:00:00Z";

/// `POST /v1/recoveries`, and `POST /v1/destinations/{destination_id}/recover`, its short form.
pub(crate) async fn start(
    requests: &Requests,
    seed: Seed,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    let destination = match request.path("destination_id") {
        "" => None,
        _ => Some(destination_of(request)?),
    };
    let wanted = read(&request.json()?, destination)?;
    let id = RecoveryId::new(seed.bytes("recovery"));
    let recovery = requests.start(&caller.account_id, id, wanted).await?.map_err(no_destination)?;
    Ok(shown(StatusCode::ACCEPTED, &recovery))
}

/// `DELETE /v1/recoveries/{recovery_id}`: stops a recovery.
pub(crate) async fn stop(requests: &Requests, caller: &Caller, request: &Request) -> Result<Reply, Problem> {
    match requests.stop(&caller.account_id, &recovery_id(request)?).await? {
        true => Ok(Reply::empty(StatusCode::NO_CONTENT)),
        false => Err(Problem::not_found("recovery")),
    }
}

fn read(fields: &JsonObject, destination: Option<DestinationId>) -> Result<recovery::Request, Invalid> {
    let mut mistakes = Mistakes::default();
    let known = if destination.is_some() { &FIELDS[..2] } else { &FIELDS[..] };
    mistakes.note(fields.allow_only(known));
    let named = mistakes.note(fields.optional("destination_id", "must be the id of a destination"));
    let since = mistakes.note(fields.required("since", TIME));
    let until = mistakes.note(fields.optional("until", TIME)).flatten();
    let rule = "must be conversation.completed, conversation.disconnected or conversation.failed";
    let event = mistakes.note(fields.optional("event", rule)).flatten();
    let rule = "must be exhausted, skipped or cancelled";
    let status = fields.optional("status", rule).and_then(|status| match status {
        None | Some(DeliveryStatus::Exhausted | DeliveryStatus::Skipped | DeliveryStatus::Cancelled) => {
            Ok(status)
        }
        Some(_) => Err(Invalid::new("status", rule)),
    });
    let status = mistakes.note(status).flatten();
    let include = mistakes.note(include(fields));
    let rule = "must be a number from 1 to 100";
    let per_second = fields.optional("per_second", rule).and_then(|given| {
        let given = given.unwrap_or(DEFAULT_PER_SECOND);
        let is_allowed = (1..=MAX_PER_SECOND).contains(&given);
        is_allowed.then_some(given).ok_or_else(|| Invalid::new("per_second", rule))
    });
    let per_second = mistakes.note(per_second);
    let dry_run = mistakes.note(fields.optional("dry_run", "must be true or false")).flatten();
    if since.is_some_and(|since| until.is_some_and(|until| until <= since)) {
        mistakes.extend([Invalid::new("until", "must be after since")]);
    }
    mistakes.none()?;
    Ok(recovery::Request {
        destination_id: destination.or_else(|| named.flatten()),
        since: since.unwrap_or_default(),
        until: until.unwrap_or(Timestamp::from_millis(u64::MAX)),
        event,
        status,
        include: include.unwrap_or_default(),
        per_second: per_second.unwrap_or(DEFAULT_PER_SECOND),
        dry_run: dry_run.unwrap_or_default(),
    })
}

fn include(fields: &JsonObject) -> Result<Vec<Include>, Invalid> {
    let rule = "must be an array with failed, missing or both";
    let given: Option<Vec<Include>> = fields.optional("include", rule)?;
    let Some(given) = given else { return Ok(vec![Include::Failed]) };
    let named = [Include::Failed, Include::Missing].into_iter().filter(|one| given.contains(one));
    let named: Vec<_> = named.collect();
    if named.is_empty() { Err(Invalid::new("include", rule)) } else { Ok(named) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, destination: Option<&str>) -> Result<recovery::Request, Vec<String>> {
        let fields = JsonObject::parse(json.as_bytes(), "body").unwrap();
        let destination = destination.map(|id| DestinationId::parse(id).unwrap());
        super::read(&fields, destination).map_err(|wrong| wrong.each().map(|one| one.to_string()).collect())
    }

    #[test]
    fn what_is_not_stated_is_as_the_reference_says() {
        let read = read(r#"{"since": "2026-09-01T10:00:00Z"}"#, Some("dst_1")).unwrap();
        assert_eq!((read.per_second, read.dry_run, &read.include[..]), (10, false, &[Include::Failed][..]));
        assert_eq!((read.event, read.status), (None, None));
        assert_eq!(read.destination_id.unwrap().as_str(), "dst_1");
    }

    #[test]
    fn all_mistakes_are_named_with_their_rules() {
        let wrong = r#"{"destination_id": "a b", "until": 5, "event": "ended", "status": "delivered", "include": [],
            "per_second": 101, "dry_run": "yes", "cursor": "x"}"#;
        let errors = read(wrong, None).unwrap_err();
        let fields: Vec<_> = errors.iter().map(|one| one.split(' ').next().unwrap()).collect();
        let named =
            ["cursor", "destination_id", "since", "until", "event", "status", "include", "per_second"];
        assert_eq!(fields, [&named[..], &["dry_run"]].concat());
        let since = r#"{"since": "2026-09-01T10:00:00Z", "#;
        for (rest, error) in [
            (r#""until": "2026-09-01T10:00:00Z"}"#, "until must be after since"),
            (r#""per_second": 0}"#, "per_second must be a number from 1 to 100"),
            (r#""include": ["failed", "all"]}"#, "include must be an array with failed, missing or both"),
            (r#""status": "pending"}"#, "status must be exhausted, skipped or cancelled"),
        ] {
            assert_eq!(read(&format!("{since}{rest}"), None).unwrap_err(), [error]);
        }
        let of_another = r#"{"since": "2026-09-01T10:00:00Z", "destination_id": "dst_2"}"#;
        assert_eq!(read(of_another, Some("dst_1")).unwrap_err(), ["destination_id is not a known field"]);
    }
}
