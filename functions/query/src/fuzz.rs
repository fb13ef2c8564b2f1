//! Fuzz tests of query strings.

use adapters::http::request::Request;
use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use domain::delivery_log::cursor::{decode, encode};
use domain::delivery_log::position::Position;
use domain::delivery_log::search::MAX_PAGE;
use domain::delivery_log::stats::attempts_over_time;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::{Fuzz, assert_readable, sample};

use crate::{deliveries, stats};

/// Fragments of query strings.
const WORDS: [&str; 14] = [
    "&",
    "=",
    "&from=",
    "&to=",
    "&limit=",
    "&buckets=",
    "&cursor=",
    "&event=conversation.failed",
    "&status=exhausted",
    "&outcome=timeout",
    "&destination_id=dst_1",
    "9999-12-31T23:59:59.999-01:00",
    "1970-01-01T00:00:00Z",
    "2500-01-01T00:00:00Z",
];

fn fuzz() -> Fuzz {
    let query = |sample: &serde_json::Value| Some(sample["rawQueryString"].as_str()?.to_owned());
    Fuzz::of("queries").with_samples("query", query).with_words(&WORDS)
}

fn pairs(input: &[u8]) -> Vec<(String, String)> {
    let mut event = ApiGatewayV2httpRequest::default();
    event.raw_query_string = Some(String::from_utf8_lossy(input).into_owned());
    Request::read(event).map(|request| request.query().to_vec()).unwrap_or_default()
}

#[test]
fn a_query_is_a_search_that_can_be_gone_on_with_or_a_parameter_is_named() {
    let position = Position { created_at: Timestamp::from_millis(7), delivery_id: sample::delivery().id };
    let (account, secret) = (sample::account(), [7; 32]);
    fuzz().run(|input| {
        let pairs = pairs(input);
        let parameters = match deliveries::SearchParameters::read(&pairs) {
            Ok(parameters) => parameters,
            Err(error) => return assert_readable(&error),
        };
        assert!((1..=MAX_PAGE).contains(&parameters.limit));
        let cursor = encode(&position, &account, &parameters.filter, &secret);
        let again = deliveries::SearchParameters::read(&pairs).unwrap().filter;
        assert_eq!(decode(&cursor, &account, &again, &secret).as_ref(), Ok(&position));
    });
}

#[test]
fn a_query_is_a_count_over_time_or_a_parameter_is_named() {
    fuzz().run(|input| {
        let stats::StatsParameters { from, to, buckets, .. } =
            match stats::StatsParameters::read(&pairs(input)) {
                Ok(parameters) => parameters,
                Err(error) => return assert_readable(&error),
            };
        let starts: Vec<_> =
            attempts_over_time(&[], from, to, buckets).buckets.iter().map(|(start, _)| *start).collect();
        assert!(starts.len() == buckets && starts[0] == from && starts.is_sorted(), "{starts:?}");
        assert!(starts.iter().all(|start| start.to_string() < to.to_string()), "{starts:?}");
    });
}
