//! Functions: their variables, timeouts and logs.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use adapters::config::{ConfigError, Vars};
use adapters::deadline::FUNCTION_TIMEOUT;
use adapters::telemetry;
use domain::delivery::deliver::TIME_NEEDED;
use serde_json::{Value, json};

use super::names::STACK_NAME;
use super::{Template, keeps, named, number};

/// The HTTP API's timeout: <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
const API_TIMEOUT_SECS: u64 = 30;

/// The time in which a Daily webhook gets its answer; see functions/ingest/src/flows/daily.
const DAILY_ANSWER_SECS: u64 = 4;

/// Records which variables are read.
struct Recorder(RefCell<BTreeSet<String>>);

impl Vars for Recorder {
    fn get(&self, name: &str) -> Option<String> {
        self.0.borrow_mut().insert(name.to_owned());
        let numbers = BTreeMap::from([
            ("API_RATE_LIMIT", "0"),
            ("CONVERSATION_RETENTION_DAYS", "0"),
            ("DELIVERY_RATE_LIMIT", "0"),
            ("DISABLE_AFTER_HOURS", "0"),
            ("DELIVERY_RETENTION_DAYS", "30"),
            ("FUNCTION_TIMEOUT_SECONDS", "30"),
            ("SETTLE_SECONDS", "10"),
        ]);
        let optional =
            ["LOG_LEVEL", "METRICS_NAMESPACE", "PUBLIC_URL", "ALLOWED_NETWORKS", "TRUSTED_CERTIFICATE"];
        let text = (!optional.contains(&name) && !name.starts_with("PORTAL_")).then_some("x");
        numbers.get(name).copied().or(text).map(ToOwned::to_owned)
    }
}

/// The variables that a function reads at its start.
fn read_by(function: &str) -> BTreeSet<String> {
    let recorder = Recorder(RefCell::default());
    let read: Result<(), ConfigError> = telemetry::Config::read(&recorder).and_then(|_| match function {
        "Ingest" => ingest::Config::read(&recorder).map(drop),
        "Dispatch" => dispatch::Config::read(&recorder).map(drop),
        "Destinations" | "Purge" => destinations::Config::read(&recorder).map(drop),
        "Query" => query::Config::read(&recorder).map(drop),
        other => panic!("{other} is not a function"),
    });
    read.unwrap();
    recorder.0.into_inner()
}

fn functions(template: &Template) -> impl Iterator<Item = (&str, &Value)> {
    template.resources("AWS::Lambda::Function")
}

fn variables_match_what_is_read(template: &Template) -> Vec<String> {
    let given = |function: &Value| -> BTreeSet<String> {
        function["Environment"]["Variables"].as_object().unwrap().keys().cloned().collect()
    };
    functions(template)
        .filter(|(id, function)| given(function) != read_by(id))
        .map(|(id, function)| format!("{id} is given {:?} and reads {:?}", given(function), read_by(id)))
        .collect()
}

#[tokio::test]
async fn each_function_gets_the_variables_it_reads_and_no_others() {
    keeps(
        variables_match_what_is_read,
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
    let given = &template.properties("Dispatch")["Environment"]["Variables"]["FUNCTION_TIMEOUT_SECONDS"];
    let given = given.as_str().and_then(|seconds| seconds.parse().ok());
    let alarm = |id: &str| number(&template.properties(id)["Threshold"]) / 1000;
    [
        // A cold start, a whole attempt and its table calls, plus half of that in reserve.
        (
            timeout("Dispatch") >= TIME_NEEDED.as_secs() * 3 / 2,
            "an attempt does not fit into Dispatch's timeout",
        ),
        (given == Some(timeout("Dispatch")), "FUNCTION_TIMEOUT_SECONDS is not Dispatch's timeout"),
        (
            ["Ingest", "Destinations", "Purge"].iter().all(|id| timeout(id) == FUNCTION_TIMEOUT.as_secs()),
            "a function tries until another deadline than it has",
        ),
        (timeout("Ingest") > DAILY_ANSWER_SECS, "Ingest is killed before it answers Daily"),
        (
            ["Ingest", "Destinations", "Query"].iter().all(|id| timeout(id) < API_TIMEOUT_SECS),
            "the API gives up before the function does",
        ),
        (
            alarm("DispatchNearTimeout") < timeout("Dispatch"),
            "the alarm goes off only after Dispatch's timeout",
        ),
        (
            alarm("DispatchNearTimeout") > TIME_NEEDED.as_secs(),
            "the alarm goes off when one destination hangs",
        ),
        (alarm("IngestNearTimeout") < timeout("Ingest"), "the alarm goes off only after Ingest's timeout"),
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
            ("/Purge/Properties/Timeout", json!(30)),
            ("/DispatchNearTimeout/Properties/Threshold", json!(30_000)),
            ("/DispatchNearTimeout/Properties/Threshold", json!(11_000)),
            ("/IngestNearTimeout/Properties/Threshold", json!(10_000)),
        ],
    )
    .await;
}

fn each_has_its_own_log_group_with_retention(template: &Template) -> Vec<String> {
    let mut groups = BTreeSet::new();
    let mut fits = |function: &Value| {
        let group = named(&function["LoggingConfig"]["LogGroup"]);
        let expires = template.properties(group)["RetentionInDays"] == json!({"Ref": "LogRetentionDays"});
        // Lambda drops JSON lines below its own level, whatever the function writes.
        let level = json!({"Ref": "LogLevel"});
        let shown = function["LoggingConfig"]["ApplicationLogLevel"] == level
            && function["Environment"]["Variables"]["LOG_LEVEL"] == level;
        function["LoggingConfig"]["LogFormat"] == "JSON"
            && expires
            && shown
            && groups.insert(group.to_owned())
    };
    functions(template).filter(|(_, function)| !fits(function)).map(|(id, _)| id.to_owned()).collect()
}

#[tokio::test]
async fn every_function_has_a_log_of_its_own() {
    keeps(
        each_has_its_own_log_group_with_retention,
        &[
            ("/Query/Properties/LoggingConfig/LogGroup", json!({"Ref": "IngestLogs"})),
            ("/DispatchLogs/Properties/RetentionInDays", Value::Null),
            ("/Ingest/Properties/LoggingConfig/LogFormat", json!("Text")),
            ("/Query/Properties/LoggingConfig/ApplicationLogLevel", Value::Null),
            ("/Dispatch/Properties/Environment/Variables/LOG_LEVEL", json!("INFO")),
        ],
    )
    .await;
}

/// Routes that anybody may call: those of providers, who sign instead, and those of the page and its links.
const WITHOUT_KEY: [&str; 10] = [
    "POST /v1/flows/twilio/{account_id}",
    "GET /v1/flows/twilio/{account_id}",
    "POST /v1/flows/daily/{account_id}",
    "POST /v1/portal-sessions",
    "GET /portal/{token}",
    "GET /",
    "GET /assets/{version}/{name}",
    "GET /docs",
    "GET /openapi.json",
    "$default",
];

/// No route can use up the account's concurrency, and those without a key cannot use up what the others may.
fn routes_are_bounded(template: &Template) -> Vec<String> {
    let stage = template.properties("ApiApiGatewayDefaultStage");
    let paths = template.properties("Api")["Body"]["paths"].to_string();
    let limits = ["ThrottlingBurstLimit", "ThrottlingRateLimit"];
    let all = &stage["DefaultRouteSettings"];
    let mut breaches = Vec::new();
    let format = stage["AccessLogSettings"]["Format"].to_string();
    if !format.contains("$context.routeKey") || format.to_lowercase().contains("path") {
        breaches
            .push("the access log has the path, which may hold a portal's link, or not the route".to_owned());
    }
    let log = template.properties(
        stage["AccessLogSettings"]["DestinationArn"]["Fn::GetAtt"][0].as_str().unwrap_or_default(),
    );
    let vended =
        log["LogGroupName"]["Fn::Sub"].as_str().is_some_and(|name| name.starts_with("/aws/vendedlogs/"));
    if !limits.iter().all(|limit| all[limit].is_u64()) || !vended {
        breaches.push("the API's routes are not throttled, or not logged as AWS wants it".to_owned());
    }
    for route in WITHOUT_KEY {
        let own = &stage["RouteSettings"][route];
        // What an entry leaves out is AWS's default.
        let complete =
            limits.iter().all(|limit| own[limit].as_u64() < all[limit].as_u64() && own[limit].is_u64())
                && own["DetailedMetricsEnabled"] == false;
        let (_, path) = route.split_once(' ').unwrap_or(("", route));
        if !complete || !paths.contains(&format!("{path:?}:")) {
            breaches.push(format!("{route} has no limits of its own, or does not exist"));
        }
    }
    breaches
}

#[tokio::test]
async fn the_api_is_throttled_and_logged() {
    let stage = "/ApiApiGatewayDefaultStage/Properties";
    let page = format!("{stage}/RouteSettings/GET ~1");
    keeps(
        routes_are_bounded,
        &[
            (&format!("{stage}/DefaultRouteSettings/ThrottlingRateLimit"), Value::Null),
            (&format!("{stage}/DefaultRouteSettings/ThrottlingRateLimit"), json!(100)),
            (&format!("{stage}/AccessLogSettings"), Value::Null),
            (&format!("{stage}/AccessLogSettings/Format"), json!("$context.routeKey $context.path")),
            (&format!("{stage}/RouteSettings/GET ~1portal~1{{token}}/ThrottlingRateLimit"), Value::Null),
            ("/ApiLogs/Properties/LogGroupName", Value::Null),
            (&format!("{page}/ThrottlingBurstLimit"), Value::Null),
            (&format!("{page}/DetailedMetricsEnabled"), Value::Null),
        ],
    )
    .await;
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const ENVIRONMENT_BYTES: u64 = 4096;

/// What the name of a resource has at most: the URL of a queue with the longest name, in a region with the longest.
const OTHER_VALUE_BYTES: u64 = 140;

fn environments_fit(template: &Template) -> Vec<String> {
    let length = |value: &Value| match &template.0["Parameters"][value["Ref"].as_str().unwrap_or_default()] {
        parameter if parameter["MaxLength"].is_u64() => number(&parameter["MaxLength"]),
        // A number or one of a few values.
        parameter if parameter["MaxValue"].is_u64() || parameter["AllowedValues"].is_array() => 5,
        _ => match value.as_str().or(value["Fn::Sub"].as_str()) {
            Some(text) => text.replace("${AWS::StackName}", &"x".repeat(STACK_NAME)).len() as u64,
            None => OTHER_VALUE_BYTES,
        },
    };
    functions(template)
        .filter(|(_, function)| {
            let variables = function["Environment"]["Variables"].as_object().unwrap();
            variables.iter().map(|(name, value)| name.len() as u64 + length(value)).sum::<u64>()
                > ENVIRONMENT_BYTES
        })
        .map(|(id, _)| id.to_owned())
        .collect()
}

#[tokio::test]
async fn an_environment_has_at_most_4_kb() {
    let Some(template) = Template::expanded().await else { return };
    assert_eq!(environments_fit(template), Vec::<String>::new());
    for parameter in ["AllowedNetworks", "TrustedCertificate"] {
        let mut longer = template.clone();
        longer.0["Parameters"][parameter]["MaxLength"] = json!(3000);
        assert_eq!(environments_fit(&longer), ["Dispatch"], "{parameter}");
    }
}

/// What `sam build` is not told, it builds by the template's defaults: arm64.
fn parameters_are_for_build_and_deploy(config: &str) -> Vec<&str> {
    let mut section = "";
    let mut breaches = Vec::new();
    for line in config.lines() {
        match line.strip_prefix('[') {
            Some(name) => section = name,
            None if line.starts_with("parameter_overrides") && !section.contains(".global.") => {
                breaches.push(line);
            }
            None => {}
        }
    }
    breaches
}

#[test]
fn sam_builds_what_it_deploys() {
    const CONFIG: &str = include_str!("../../../infra/samconfig.toml");
    assert_eq!(parameters_are_for_build_and_deploy(CONFIG), Vec::<&str>::new());
    let wrong = CONFIG.replace("[production.global.", "[production.deploy.");
    assert_ne!(parameters_are_for_build_and_deploy(&wrong), Vec::<&str>::new());
}
