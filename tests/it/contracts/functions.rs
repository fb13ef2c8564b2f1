//! Functions: what they are told, how long they may take, where they log.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use adapters::config::{ConfigError, Vars};
use adapters::deadline::FUNCTION_TIMEOUT;
use adapters::telemetry;
use domain::delivery::deliver::TIME_NEEDED;
use serde_json::{Value, json};

use super::{Template, keeps, named, number};

/// The HTTP API gives up after that: <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
const API_TIMEOUT_SECS: u64 = 30;

/// How long a callback of Daily's may wait for its answer; see functions/ingest/src/flows/daily.
const DAILY_ANSWER_SECS: u64 = 4;

/// Remembers what it was asked for.
struct Asked(RefCell<BTreeSet<String>>);

impl Vars for Asked {
    fn get(&self, name: &str) -> Option<String> {
        self.0.borrow_mut().insert(name.to_owned());
        let numbers = BTreeMap::from([
            ("API_RATE_LIMIT", "0"),
            ("DELIVERY_RATE_LIMIT", "0"),
            ("DELIVERY_RETENTION_DAYS", "30"),
            ("FUNCTION_TIMEOUT_SECONDS", "30"),
        ]);
        let optional =
            ["RUST_LOG", "METRICS_NAMESPACE", "PUBLIC_URL", "ALLOWED_NETWORKS", "TRUSTED_CERTIFICATE"];
        let text = (!optional.contains(&name)).then_some("x");
        numbers.get(name).copied().or(text).map(ToOwned::to_owned)
    }
}

/// The variables that a function reads at its start.
fn read_by(function: &str) -> BTreeSet<String> {
    let asked = Asked(RefCell::default());
    let read: Result<(), ConfigError> = telemetry::Config::read(&asked).and_then(|_| match function {
        "Ingest" => ingest::Config::read(&asked).map(drop),
        "Dispatch" => dispatch::Config::read(&asked).map(drop),
        "Destinations" => destinations::Config::read(&asked).map(drop),
        "Query" => query::Config::read(&asked).map(drop),
        other => panic!("{other} is no function"),
    });
    read.unwrap();
    asked.0.into_inner()
}

fn functions(template: &Template) -> impl Iterator<Item = (&str, &Value)> {
    template.resources("AWS::Lambda::Function")
}

fn each_is_told_what_it_reads_and_nothing_else(template: &Template) -> Vec<String> {
    let told = |function: &Value| -> BTreeSet<String> {
        function["Environment"]["Variables"].as_object().unwrap().keys().cloned().collect()
    };
    functions(template)
        .filter(|(id, function)| told(function) != read_by(id))
        .map(|(id, function)| format!("{id} is told {:?} and reads {:?}", told(function), read_by(id)))
        .collect()
}

#[tokio::test]
async fn each_function_gets_the_variables_it_reads_and_no_others() {
    keeps(
        each_is_told_what_it_reads_and_nothing_else,
        &[
            ("/Ingest/Properties/Environment/Variables/PUBLIC_URL", Value::Null),
            ("/Dispatch/Properties/Environment/Variables/TRUSTED_CERTIFICATE", Value::Null),
            ("/Query/Properties/Environment/Variables/SECRETS_KEY_ARN", json!("x")),
            ("/Query/Properties/Environment/Variables/EVENTS_QUEUE_URL", json!("x")),
            ("/Destinations/Properties/Environment/Variables/DESTINATION_TABLE", json!("x")),
        ],
    )
    .await;
}

fn there_is_time_for_the_work(template: &Template) -> Vec<String> {
    let timeout = |id: &str| number(&template.properties(id)["Timeout"]);
    let told = &template.properties("Dispatch")["Environment"]["Variables"]["FUNCTION_TIMEOUT_SECONDS"];
    let told = told.as_str().and_then(|seconds| seconds.parse().ok());
    let alarm = |id: &str| number(&template.properties(id)["Threshold"]) / 1000;
    [
        // A cold start, a whole attempt, the table calls around it, and half of that again.
        (
            timeout("Dispatch") >= TIME_NEEDED.as_secs() * 3 / 2,
            "an attempt does not fit into Dispatch's timeout",
        ),
        (told == Some(timeout("Dispatch")), "Dispatch is told another timeout than it has"),
        (
            ["Ingest", "Destinations"].iter().all(|id| timeout(id) == FUNCTION_TIMEOUT.as_secs()),
            "the API's functions try until another deadline than they have",
        ),
        (timeout("Ingest") > DAILY_ANSWER_SECS, "Ingest is killed before it answers Daily"),
        (
            ["Ingest", "Destinations", "Query"].iter().all(|id| timeout(id) < API_TIMEOUT_SECS),
            "the API gives up before the function does",
        ),
        (alarm("DispatchNearTimeout") < timeout("Dispatch"), "the alarm comes after Dispatch's timeout"),
        (alarm("DispatchNearTimeout") > TIME_NEEDED.as_secs(), "the alarm comes when one destination hangs"),
        (alarm("IngestNearTimeout") < timeout("Ingest"), "the alarm comes after Ingest's timeout"),
    ]
    .into_iter()
    .filter(|(kept, _)| !kept)
    .map(|(_, breach)| breach.to_owned())
    .collect()
}

#[tokio::test]
async fn timeouts_fit_the_work() {
    keeps(
        there_is_time_for_the_work,
        &[
            ("/Dispatch/Properties/Timeout", json!(13)),
            ("/Dispatch/Properties/Timeout", json!(29)),
            ("/Ingest/Properties/Timeout", json!(4)),
            ("/Query/Properties/Timeout", json!(30)),
            ("/Destinations/Properties/Timeout", json!(9)),
            ("/DispatchNearTimeout/Properties/Threshold", json!(30_000)),
            ("/DispatchNearTimeout/Properties/Threshold", json!(11_000)),
            ("/IngestNearTimeout/Properties/Threshold", json!(10_000)),
        ],
    )
    .await;
}

fn each_logs_to_a_group_of_its_own_that_forgets(template: &Template) -> Vec<String> {
    let mut groups = BTreeSet::new();
    let mut fits = |function: &Value| {
        let group = named(&function["LoggingConfig"]["LogGroup"]);
        let forgets = template.properties(group)["RetentionInDays"] == json!({"Ref": "LogRetentionDays"});
        function["LoggingConfig"]["LogFormat"] == "JSON" && forgets && groups.insert(group.to_owned())
    };
    functions(template).filter(|(_, function)| !fits(function)).map(|(id, _)| id.to_owned()).collect()
}

#[tokio::test]
async fn every_function_has_a_log_of_its_own() {
    keeps(
        each_logs_to_a_group_of_its_own_that_forgets,
        &[
            ("/Query/Properties/LoggingConfig/LogGroup", json!({"Ref": "IngestLogs"})),
            ("/DispatchLogs/Properties/RetentionInDays", Value::Null),
            ("/Ingest/Properties/LoggingConfig/LogFormat", json!("Text")),
        ],
    )
    .await;
}

/// Every route of the API leads to a function that may be invoked by it, and none can use up the account's concurrency.
fn routes_are_bounded(template: &Template) -> Vec<String> {
    let settings = &template.properties("ApiApiGatewayDefaultStage")["DefaultRouteSettings"];
    let bounded =
        ["ThrottlingBurstLimit", "ThrottlingRateLimit"].iter().all(|limit| settings[limit].is_u64());
    let logged = !template.properties("ApiApiGatewayDefaultStage")["AccessLogSettings"].is_null();
    let mut breaches = Vec::new();
    if !bounded || !logged {
        breaches.push("the API's routes are not throttled, or not logged".to_owned());
    }
    breaches
}

#[tokio::test]
async fn the_api_is_throttled_and_logged() {
    let stage = "/ApiApiGatewayDefaultStage/Properties";
    keeps(
        routes_are_bounded,
        &[
            (&format!("{stage}/DefaultRouteSettings/ThrottlingRateLimit"), Value::Null),
            (&format!("{stage}/AccessLogSettings"), Value::Null),
        ],
    )
    .await;
}
