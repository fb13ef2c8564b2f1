//! Route for the number of attempts and their latency over time.

use adapters::caller::Caller;
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::delivery::outcome::OutcomeClass;
use domain::delivery::state::DeliveryState;
use domain::delivery_log::search::DeliveryLog;
use domain::delivery_log::search::{Filter, Search};
use domain::delivery_log::stats::{Attempts, MAX_COUNTED, Stats, attempts_over_time};
use domain::shared::ids::DestinationId;
use domain::shared::invalid::{Invalid, Mistakes, both};
use domain::shared::timestamp::Timestamp;
use http::StatusCode;
use serde::Serialize;

use crate::deliveries::time;

/// Most buckets that a caller can request.
const MAX_BUCKETS: usize = 200;

#[derive(Serialize)]
struct StatsView {
    from: Timestamp,
    to: Timestamp,
    succeeded: usize,
    failed: usize,
    p50_ms: Option<u64>,
    p95_ms: Option<u64>,
    /// The latest attempt of the counted deliveries.
    last: Option<LastAttemptView>,
    /// Whether there were more deliveries, of which only the newest are counted.
    sampled: bool,
    buckets: Vec<BucketView>,
}

#[derive(Serialize)]
struct LastAttemptView {
    at: Timestamp,
    outcome: Option<OutcomeClass>,
    http_status: Option<u16>,
}

#[derive(Serialize)]
struct BucketView {
    start: Timestamp,
    succeeded: usize,
    failed: usize,
    p50_ms: Option<u64>,
    p95_ms: Option<u64>,
}

/// A percentile of the latency.
fn latency_ms(attempts: &Attempts, percent: usize) -> Option<u64> {
    u64::try_from(attempts.percentile(percent)?.as_millis()).ok()
}

/// `GET /v1/stats`: for an account or for one destination.
pub(crate) async fn show(
    log: &impl DeliveryLog,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    let StatsParameters { destination, from, to, buckets } = StatsParameters::read(request.query())?;
    // What was skipped has no attempts.
    let filter =
        Filter { destination, hides_skipped: true, from: Some(from), to: Some(to), ..Filter::default() };
    let page = log.search(&caller.account_id, &Search { filter, after: None, limit: MAX_COUNTED }).await?;
    let Stats { all, buckets } = attempts_over_time(&page.deliveries, from, to, buckets);
    let stats = StatsView {
        from,
        to,
        succeeded: all.succeeded,
        failed: all.failed,
        p50_ms: latency_ms(&all, 50),
        p95_ms: latency_ms(&all, 95),
        last: page
            .deliveries
            .iter()
            .map(|summary| &summary.state)
            .filter(|state| state.attempts > 0)
            .max_by_key(|state| state.updated_at)
            .map(|DeliveryState { updated_at, outcome, http_status, .. }| LastAttemptView {
                at: *updated_at,
                outcome: *outcome,
                http_status: *http_status,
            }),
        sampled: page.next.is_some(),
        buckets: buckets
            .iter()
            .map(|(start, attempts)| BucketView {
                start: *start,
                succeeded: attempts.succeeded,
                failed: attempts.failed,
                p50_ms: latency_ms(attempts, 50),
                p95_ms: latency_ms(attempts, 95),
            })
            .collect(),
    };
    Ok(Reply::json(StatusCode::OK, &stats))
}

pub(crate) struct StatsParameters {
    pub(crate) destination: Option<DestinationId>,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) buckets: usize,
}

impl StatsParameters {
    pub(crate) fn read(query: &[(String, String)]) -> Result<Self, Invalid> {
        let (mut destination, mut from, mut to, mut buckets) = (None, None, None, 1);
        let mut mistakes = Mistakes::default();
        for (name, value) in query {
            match name.as_str() {
                "destination_id" => destination = mistakes.note(DestinationId::parse(value)),
                "from" => from = Some(time("from", value)),
                "to" => to = Some(time("to", value)),
                "buckets" => {
                    let number = value.parse().ok().filter(|number| (1..=MAX_BUCKETS).contains(number));
                    let rule = "must be a number from 1 to 200";
                    buckets = mistakes.note(number.ok_or_else(|| Invalid::new("buckets", rule))).unwrap_or(1);
                }
                _ => mistakes.extend([Invalid::new(name.clone(), "is not a parameter of these statistics")]),
            }
        }
        let missing = |name| Err(Invalid::new(name, "is missing"));
        let span = both(from.unwrap_or_else(|| missing("from")), to.unwrap_or_else(|| missing("to")));
        let ((from, to), ()) = both(span, mistakes.none())?;
        if from >= to {
            return Err(Invalid::new("to", "must be after from"));
        }
        Ok(Self { destination, from, to, buckets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_parameter_is_named() {
        let day = [("from", "2026-09-01T00:00:00Z"), ("to", "2026-09-02T00:00:00Z")];
        let read = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            StatsParameters::read(&pairs)
        };
        assert!(read(&day).is_ok());
        for (more, field) in [
            (&[("from", "soon")][..], "from"),
            (&[("to", "2026-08-01T00:00:00Z")], "to"),
            (&[("buckets", "0")], "buckets"),
            (&[("buckets", "201")], "buckets"),
            (&[("bucket", "1")], "bucket"),
        ] {
            assert_eq!(read(&[&day, more].concat()).err().unwrap().field, field);
        }
        let all = read(&[("buckets", "0")]).err().unwrap().each().map(|one| one.field).collect::<Vec<_>>();
        assert_eq!(all, ["from", "to", "buckets"]);
    }
}
