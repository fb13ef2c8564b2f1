//! What alarms read, and when they go off.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::alarm_state::goes_off;
use super::{Template, keeps, named};

/// Metrics by namespace, dimensions and names, as AWS documents them:
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>,
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html>,
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html>
const DOCUMENTED: [(&str, &[&str], &[&str]); 6] = [
    (
        "AWS/SQS",
        &["QueueName"],
        &[
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
        ],
    ),
    (
        "AWS/Lambda",
        &["FunctionName"],
        &[
            "AsyncEventsDropped",
            "DestinationDeliveryFailures",
            "Duration",
            "Errors",
            "RecursiveInvocationsDropped",
            "Throttles",
        ],
    ),
    ("AWS/Lambda", &["EventSourceMappingUUID"], &["PolledEventCount"]),
    ("AWS/DynamoDB", &["TableName"], &["ReadThrottleEvents", "WriteThrottleEvents"]),
    (
        "AWS/DynamoDB",
        &["GlobalSecondaryIndexName", "TableName"],
        &["ReadThrottleEvents", "WriteThrottleEvents"],
    ),
    ("AWS/ApiGateway", &["ApiId"], &["5xx"]),
];

/// The namespace of our own metrics.
const OURS: &str = "Ringback/${AWS::StackName}";

/// An alarm on an expression reads at most as many.
const MAX_METRICS: usize = 10;

/// What an alarm reads: namespace, metric, and the value of each dimension.
type Metric<'a> = (&'a str, &'a str, BTreeMap<&'a str, &'a Value>);

fn read_by(alarm: &Value) -> Vec<Metric<'_>> {
    let queries = alarm["Metrics"].as_array().into_iter().flatten();
    let queries = queries.map(|query| &query["MetricStat"]["Metric"]).filter(|metric| metric.is_object());
    let read = queries.chain(alarm["MetricName"].is_string().then_some(alarm)).map(|metric| {
        let namespace = metric["Namespace"].as_str().or(metric["Namespace"]["Fn::Sub"].as_str()).unwrap();
        let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
        let dimensions = dimensions.map(|pair| (pair["Name"].as_str().unwrap(), &pair["Value"])).collect();
        (namespace, metric["MetricName"].as_str().unwrap(), dimensions)
    });
    read.collect()
}

/// Whether the template has what a dimension names.
fn exists(template: &Template, dimensions: &BTreeMap<&str, &Value>, name: &str) -> bool {
    let kind = match name {
        "QueueName" => "AWS::SQS::Queue",
        "FunctionName" => "AWS::Lambda::Function",
        "EventSourceMappingUUID" => "AWS::Lambda::EventSourceMapping",
        "TableName" => "AWS::DynamoDB::Table",
        "ApiId" => "AWS::ApiGatewayV2::Api",
        "GlobalSecondaryIndexName" => {
            let table = template.properties(named(dimensions["TableName"]));
            let indexes = table["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
            return indexes.into_iter().any(|index| index["IndexName"] == *dimensions[name]);
        }
        _ => return false,
    };
    template.0["Resources"][named(dimensions[name])]["Type"] == kind
}

fn each_reads_what_is_written(template: &Template) -> Vec<String> {
    let mut ours: BTreeSet<_> =
        adapters::telemetry::metric_names().filter(|(_, by)| by.is_none()).map(|(name, _)| name).collect();
    for (_, filter) in template.resources("AWS::Logs::MetricFilter") {
        let written = &filter["MetricTransformations"][0];
        if written["MetricNamespace"]["Fn::Sub"] == OURS {
            ours.insert(written["MetricName"].as_str().unwrap());
        }
    }
    let mut breaches = Vec::new();
    for (id, alarm) in template.resources("AWS::CloudWatch::Alarm") {
        let read = read_by(alarm);
        if read.len() > MAX_METRICS {
            breaches.push(format!("{id} reads {} metrics", read.len()));
        }
        for (namespace, name, dimensions) in read {
            let names: Vec<_> = dimensions.keys().copied().collect();
            let documented = DOCUMENTED
                .iter()
                .any(|(of, by, metrics)| *of == namespace && *by == names && metrics.contains(&name));
            let own = namespace == OURS && names.is_empty() && ours.contains(name);
            if !(own || documented && names.iter().all(|name| exists(template, &dimensions, name))) {
                breaches.push(format!("{id}: {namespace} has no {name} by {names:?}"));
            }
        }
    }
    breaches
}

#[tokio::test]
async fn every_alarm_reads_a_metric_that_somebody_writes() {
    let index = "/IndexesThrottled/Properties/Metrics/1/MetricStat/Metric/Dimensions";
    keeps(
        each_reads_what_is_written,
        &[
            ("/ApiErrors/Properties/MetricName", json!("429")),
            ("/PoisonMessages/Properties/MetricName", json!("PoisonMessage")),
            ("/Failures/Properties/Namespace", json!("Ringback/other")),
            ("/DeliveriesInFlight/Properties/Dimensions", Value::Null),
            ("/DispatchNearTimeout/Properties/Dimensions/0/Value", json!({"Ref": "EventsQueue"})),
            ("/ProviderRequestsLimited/Properties/MetricName", json!("RequestsThrottled")),
            (&format!("{index}/0"), Value::Null),
            (&format!("{index}/1/Value"), json!("by_day")),
        ],
    )
    .await;
}

/// What has to raise an alarm, as `namespace metric of`.
const WATCHED: [&str; 6] = [
    "AWS/Lambda AsyncEventsDropped Ingest",
    "AWS/Lambda DestinationDeliveryFailures Ingest",
    "AWS/Lambda RecursiveInvocationsDropped Dispatch",
    "Ringback/${AWS::StackName} Failures ",
    "Ringback/${AWS::StackName} PoisonMessages ",
    "Ringback/${AWS::StackName} ProviderRequestsLimited ",
];

fn what_fails_raises_an_alarm(template: &Template) -> Vec<String> {
    let alarms = template.resources("AWS::CloudWatch::Alarm").flat_map(|(_, alarm)| read_by(alarm));
    let read: BTreeSet<_> = alarms
        .map(|(namespace, name, dimensions)| {
            let of = dimensions.values().map(|value| value.as_str().unwrap_or_else(|| named(value)));
            format!("{namespace} {name} {}", of.collect::<Vec<_>>().join(" "))
        })
        .collect();
    let mut watched: BTreeSet<_> = WATCHED.map(str::to_owned).into();
    for (table, properties) in template.resources("AWS::DynamoDB::Table") {
        // `TableName` alone leaves out what is throttled at an index.
        let indexes = properties["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        let indexes = indexes.map(|index| format!("{} {table}", index["IndexName"].as_str().unwrap()));
        for of in indexes.chain([table.to_owned()]) {
            watched.extend(["Read", "Write"].map(|kind| format!("AWS/DynamoDB {kind}ThrottleEvents {of}")));
        }
    }
    watched.difference(&read).map(|metric| format!("no alarm reads {metric}")).collect()
}

#[tokio::test]
async fn what_fails_unseen_elsewhere_has_an_alarm() {
    keeps(
        what_fails_raises_an_alarm,
        &[
            ("/PoisonMessages", Value::Null),
            ("/LoopStopped", Value::Null),
            ("/BusEventsLost/Properties/Metrics/1", Value::Null),
            ("/IndexesThrottled/Properties/Metrics/1", Value::Null),
            ("/TablesThrottled/Properties/Metrics/1", Value::Null),
        ],
    )
    .await;
}

/// HTTP APIs count 429 among all `4xx`, so the alarm reads the access log.
fn refusals_of_providers_are_counted(template: &Template) -> Vec<String> {
    let filter = template.properties("ProviderRequestsLimitedInLog");
    let stage = &template.properties("ApiApiGatewayDefaultStage")["AccessLogSettings"];
    let format = stage["Format"].as_str().unwrap_or_default();
    [
        (
            stage["DestinationArn"]["Fn::GetAtt"][0] == filter["LogGroupName"]["Ref"],
            "the filter reads another log",
        ),
        (
            filter["FilterPattern"]
                == r#"{ $.status = "429" && $.route = %/v1/flows/twilio/|/v1/flows/daily/% }"#,
            "its pattern",
        ),
        (format.contains(r#""route":"$context.routeKey","status":"$context.status""#), "the log's format"),
    ]
    .into_iter()
    .filter(|(holds, _)| !holds)
    .map(|(_, breach)| breach.to_owned())
    .collect()
}

#[tokio::test]
async fn what_providers_are_refused_is_counted_from_the_access_log() {
    keeps(
        refusals_of_providers_are_counted,
        &[
            ("/ProviderRequestsLimitedInLog", Value::Null),
            ("/ApiApiGatewayDefaultStage/Properties/AccessLogSettings", Value::Null),
            ("/ApiApiGatewayDefaultStage/Properties/AccessLogSettings/Format", json!("$context.requestId")),
        ],
    )
    .await;
}

/// What may stand between the `%` of a regular expression.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>
const REGEX_SYMBOLS: &str = "_#=@/;,-^$?[]{}|\\*+.";

/// CloudWatch takes two regular expressions in a pattern, in five patterns of a log group, and no parentheses in them.
fn patterns_are_cloudwatchs(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut with_regex = BTreeMap::<_, usize>::new();
    for (id, filter) in template.resources("AWS::Logs::MetricFilter") {
        let pattern = filter["FilterPattern"].as_str().unwrap_or_default();
        let regexes: Vec<_> = pattern.split('%').skip(1).step_by(2).collect();
        let is_regex = |c: char| c.is_ascii_alphanumeric() || REGEX_SYMBOLS.contains(c);
        if pattern.matches('%').count() % 2 == 1
            || regexes.len() > 2
            || !regexes.concat().chars().all(is_regex)
        {
            breaches.push(format!("{id}: {pattern}"));
        }
        *with_regex.entry(filter["LogGroupName"].to_string()).or_default() +=
            usize::from(!regexes.is_empty());
    }
    breaches.extend(with_regex.into_iter().filter(|(_, count)| *count > 5).map(|(group, _)| group));
    breaches
}

#[tokio::test]
async fn cloudwatch_takes_the_patterns_of_the_metric_filters() {
    let pattern = "/ProviderRequestsLimitedInLog/Properties/FilterPattern";
    keeps(
        patterns_are_cloudwatchs,
        &[
            (pattern, json!(r#"{ $.status = "429" && $.route = %/v1/flows/(twilio|daily)/% }"#)),
            (pattern, json!("{ $.route = %twilio }")),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_alarm_goes_off_for_what_it_is_about_and_for_nothing_else() {
    let Some(template) = Template::expanded().await else { return };
    let every = |value: f64| vec![Some(value); 15];
    let never = || vec![None; 15];
    type Samples = (&'static str, Vec<Option<f64>>);
    let table: [(&str, &[Samples], bool); 16] = [
        // Poison is in flight nearly always.
        ("DeadLettersRemain", &[("visible", every(0.0)), ("in_flight", every(1.0))], true),
        ("DeadLettersRemain", &[("visible", every(2.0)), ("in_flight", every(0.0))], true),
        ("DeadLettersRemain", &[("visible", every(0.0)), ("in_flight", every(0.0))], false),
        ("DeadLettersRemain", &[("visible", never()), ("in_flight", never())], false),
        // A mapping that is disabled has no samples at all.
        ("EventsNotPolled", &[("waiting", every(5.0)), ("polled", never())], true),
        ("DeliveriesNotPolled", &[("waiting", every(5.0)), ("polled", never())], true),
        ("DeliveriesNotPolled", &[("waiting", every(5.0)), ("polled", every(0.0))], true),
        ("DeliveriesNotPolled", &[("waiting", every(5.0)), ("polled", every(40.0))], false),
        ("DeliveriesNotPolled", &[("waiting", every(0.0)), ("polled", never())], false),
        ("DeliveriesNotPolled", &[("waiting", never()), ("polled", never())], false),
        ("PoisonMessages", &[("PoisonMessages", every(1.0))], true),
        ("Failures", &[("Failures", vec![Some(1.0), None, None, None])], false),
        ("Failures", &[("Failures", vec![None, Some(1.0), None, Some(1.0)])], true),
        ("IndexesThrottled", &[("by_time_writes", every(1.0))], true),
        ("TablesThrottled", &[("deliverylog_writes", never())], false),
        ("BusEventsLost", &[("dropped", every(1.0))], true),
    ];
    for (alarm, samples, expected) in table {
        let went = goes_off(template.properties(alarm), &samples.iter().cloned().collect());
        assert_eq!(went, expected, "{alarm} for {samples:?}");
    }
}
