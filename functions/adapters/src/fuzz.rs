//! Fuzzes the parsing of API requests, as API Gateway passes them on.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use domain::testing::fakes::Fuzz;

use crate::http::request::Request;

#[test]
fn a_request_is_read_or_refused_in_a_few_words() {
    let fuzz = Fuzz::of("requests").with_samples("query", |sample| Some(sample.to_string()));
    fuzz.run(|input| {
        let text = String::from_utf8_lossy(input).into_owned();
        // The input as a whole event, and as the parts of an event that callers choose.
        let whole = serde_json::from_slice::<ApiGatewayV2httpRequest>(input).ok();
        let mut parts = ApiGatewayV2httpRequest::default();
        parts.raw_query_string = Some(text.clone());
        parts.is_base64_encoded = input.len() % 2 == 0;
        parts.body = Some(text);
        for event in whole.into_iter().chain([parts]) {
            let problem = match Request::read(event) {
                Ok(request) => request.json().err(),
                Err(problem) => Some(problem),
            };
            let Some(problem) = problem else { continue };
            let body = serde_json::to_value(&problem).unwrap();
            let detail = body["detail"].as_str().unwrap().chars().count();
            assert!(problem.status().is_client_error() && (1..=600).contains(&detail), "{body}");
        }
    });
}
