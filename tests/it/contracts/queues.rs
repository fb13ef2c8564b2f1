//! Queues and their event source mappings.

use domain::delivery::deliver::ATTEMPT_LIMIT;
use domain::delivery::schedule::MAX_ATTEMPTS;
use serde_json::{Value, json};

use super::{Template, get_arn, keeps, named, number};

/// Lambda's recommendation: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const TIMEOUTS_IN_VISIBILITY: u64 = 6;

fn mappings(template: &Template) -> impl Iterator<Item = (&str, &Value, &Value)> {
    template
        .resources("AWS::Lambda::EventSourceMapping")
        .map(|(id, mapping)| (id, mapping, template.properties(named(&mapping["EventSourceArn"]))))
}

fn a_batch_stays_hidden_while_it_is_processed(template: &Template) -> Vec<String> {
    mappings(template)
        .filter(|(_, mapping, queue)| {
            let timeout = number(&template.properties(named(&mapping["FunctionName"]))["Timeout"]);
            let window = mapping.get("MaximumBatchingWindowInSeconds").map_or(0, |window| {
                let parameter =
                    window.get("Ref").and_then(|name| Some(&template.0["Parameters"][name.as_str()?]));
                number(parameter.map_or(window, |parameter| &parameter["MaxValue"]))
            });
            number(&queue["VisibilityTimeout"]) < TIMEOUTS_IN_VISIBILITY * timeout + window
        })
        .map(|(id, ..)| format!("{id}: its queue's visibility timeout is too short"))
        .collect()
}

#[tokio::test]
async fn visibility_outlasts_six_timeouts_and_the_window() {
    keeps(
        a_batch_stays_hidden_while_it_is_processed,
        &[
            ("/EventsQueue/Properties/VisibilityTimeout", json!(180)),
            ("/DeadLettersQueue/Properties/VisibilityTimeout", json!(10)),
            ("/Dispatch/Properties/Timeout", json!(31)),
            ("/DeliveriesToDispatch/Properties/MaximumBatchingWindowInSeconds", json!(6)),
        ],
    )
    .await;
}

/// A failed attempt waits for its own message's visibility timeout, never for the queue's.
fn the_queues_own_timeout_is_not_the_wait_between_attempts(template: &Template) -> Vec<String> {
    let short = |queue: &Value| number(&queue["VisibilityTimeout"]) <= ATTEMPT_LIMIT.as_secs();
    mappings(template).filter(|(.., queue)| short(queue)).map(|(id, ..)| id.to_owned()).collect()
}

#[tokio::test]
async fn ten_seconds_are_never_the_queues_own() {
    keeps(
        the_queues_own_timeout_is_not_the_wait_between_attempts,
        &[("/DeliveriesQueue/Properties/VisibilityTimeout", json!(10))],
    )
    .await;
}

fn a_message_is_given_up_after_as_many_receives_as_attempts(template: &Template) -> Vec<String> {
    ["EventsQueue", "DeliveriesQueue"]
        .into_iter()
        .filter(|id| {
            let redrive = &template.properties(id)["RedrivePolicy"];
            redrive["maxReceiveCount"] != MAX_ATTEMPTS
                || redrive["deadLetterTargetArn"] != get_arn("DeadLettersQueue")
        })
        .map(|id| format!("{id} does not redrive after {MAX_ATTEMPTS} receives"))
        .collect()
}

#[tokio::test]
async fn receives_are_as_many_as_attempts() {
    keeps(
        a_message_is_given_up_after_as_many_receives_as_attempts,
        &[
            ("/DeliveriesQueue/Properties/RedrivePolicy/maxReceiveCount", json!(3)),
            ("/DeliveriesQueue/Properties/RedrivePolicy", Value::Null),
            ("/EventsQueue/Properties/RedrivePolicy/deadLetterTargetArn", get_arn("FailedEventsQueue")),
        ],
    )
    .await;
}

/// A message keeps its age when it is redriven, so an equal retention would leave no time to reconcile it.
fn dead_letters_are_kept_longer_than_messages(template: &Template) -> Vec<String> {
    let retention = |queue: &Value| number(&queue["MessageRetentionPeriod"]);
    let mut breaches = Vec::new();
    for (id, queue) in template.resources("AWS::SQS::Queue") {
        let Some(target) = queue["RedrivePolicy"].get("deadLetterTargetArn") else { continue };
        let letters = template.properties(named(target));
        if retention(letters) <= retention(queue) {
            breaches.push(format!("{id}: its dead letters are kept no longer than its messages"));
        }
        let allowed = letters["RedriveAllowPolicy"]["sourceQueueArns"].to_string();
        let name = queue["QueueName"]["Fn::Sub"].as_str().unwrap_or_default();
        if name.is_empty() || !allowed.contains(&format!(":{name}\"")) {
            breaches.push(format!("{id} is not allowed to redrive"));
        }
    }
    breaches
}

#[tokio::test]
async fn dead_letters_outlive_their_source_and_come_from_nowhere_else() {
    keeps(
        dead_letters_are_kept_longer_than_messages,
        &[
            ("/DeadLettersQueue/Properties/MessageRetentionPeriod", json!(345_600)),
            ("/EventsQueue/Properties/MessageRetentionPeriod", json!(1_209_600)),
            ("/DeadLettersQueue/Properties/RedriveAllowPolicy/sourceQueueArns/0", Value::Null),
            ("/DeliveriesQueue/Properties/QueueName", json!({"Fn::Sub": "${AWS::StackName}-other"})),
        ],
    )
    .await;
}

fn a_message_fails_alone_and_no_queue_takes_the_whole_account(template: &Template) -> Vec<String> {
    let fits = |mapping: &Value| {
        mapping["FunctionResponseTypes"] == json!(["ReportBatchItemFailures"])
            && !mapping["ScalingConfig"]["MaximumConcurrency"].is_null()
            && mapping["MetricsConfig"]["Metrics"] == json!(["EventCount"])
            && mapping["BatchSize"] == 10
    };
    mappings(template).filter(|(_, mapping, _)| !fits(mapping)).map(|(id, ..)| id.to_owned()).collect()
}

#[tokio::test]
async fn every_mapping_reports_failures_counts_and_is_bounded() {
    keeps(
        a_message_fails_alone_and_no_queue_takes_the_whole_account,
        &[
            ("/EventsToDispatch/Properties/FunctionResponseTypes/0", json!("ReportBatchItemFailurez")),
            ("/DeliveriesToDispatch/Properties/FunctionResponseTypes", Value::Null),
            ("/DeliveriesToDispatch/Properties/ScalingConfig", Value::Null),
            ("/DeadLettersToDispatch/Properties/MetricsConfig", Value::Null),
            ("/DeliveriesToDispatch/Properties/BatchSize", json!(11)),
        ],
    )
    .await;
}

/// A destination that hangs at ten deliveries a second holds 400 invocations, with four attempts of ten seconds each.
/// The simulation of row 44 has 500.
const MIN_CONCURRENCY: u64 = 500;

/// An account's default concurrency: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const CONCURRENCY_QUOTA: u64 = 1000;

fn there_are_invocations_for_neighbours_and_for_the_api(template: &Template) -> Vec<String> {
    let at_once = |mapping: &Value| match &mapping["ScalingConfig"]["MaximumConcurrency"] {
        parameter @ Value::Object(_) => number(&template.0["Parameters"][named(parameter)]["Default"]),
        fixed => number(fixed),
    };
    let all: u64 = mappings(template).map(|(_, mapping, _)| at_once(mapping)).sum();
    let mut breaches = Vec::new();
    if at_once(template.properties("DeliveriesToDispatch")) < MIN_CONCURRENCY {
        breaches.push("one destination that hangs holds up all others".to_owned());
    }
    if all > CONCURRENCY_QUOTA * 3 / 5 {
        breaches.push(format!("the queues take {all} of {CONCURRENCY_QUOTA} invocations"));
    }
    breaches
}

#[tokio::test]
async fn a_destination_that_hangs_takes_neither_its_neighbours_invocations_nor_the_apis() {
    let place = |mapping| format!("/{mapping}/Properties/ScalingConfig/MaximumConcurrency");
    keeps(
        there_are_invocations_for_neighbours_and_for_the_api,
        &[
            (&place("DeliveriesToDispatch"), json!(MIN_CONCURRENCY - 1)),
            (&place("DeliveriesToDispatch"), json!(600)),
            (&place("EventsToDispatch"), json!({"Ref": "MaximumConcurrency"})),
        ],
    )
    .await;
}

fn messages_are_encrypted_in_transit_and_at_rest(template: &Template) -> Vec<String> {
    let refused: Vec<_> = template
        .resources("AWS::SQS::QueuePolicy")
        .filter(|(_, policy)| {
            let statement = &policy["PolicyDocument"]["Statement"][0];
            statement["Effect"] == "Deny"
                && statement["Principal"] == "*"
                && statement["Action"] == "sqs:*"
                && statement["Condition"] == json!({"Bool": {"aws:SecureTransport": "false"}})
                && statement["Resource"] == get_arn(named(&policy["Queues"][0]))
        })
        .map(|(_, policy)| named(&policy["Queues"][0]))
        .collect();
    let encrypted = |queue: &Value| queue["SqsManagedSseEnabled"].to_string().contains("true");
    template
        .resources("AWS::SQS::Queue")
        .filter(|(id, queue)| !refused.contains(id) || !encrypted(queue))
        .map(|(id, _)| id.to_owned())
        .collect()
}

#[tokio::test]
async fn every_queue_is_encrypted_and_refuses_plain_text() {
    keeps(
        messages_are_encrypted_in_transit_and_at_rest,
        &[
            ("/EventsQueue/Properties/SqsManagedSseEnabled", Value::Null),
            ("/DeliveriesQueueOverTlsOnly/Properties/PolicyDocument/Statement/0/Effect", json!("Allow")),
            (
                "/FailedEventsQueueOverTlsOnly/Properties/PolicyDocument/Statement/0/Resource",
                get_arn("EventsQueue"),
            ),
        ],
    )
    .await;
}

/// The bus itself keeps what it cannot hand to Lambda where Lambda keeps what it cannot process.
fn no_event_of_the_bus_is_lost(template: &Template) -> Vec<String> {
    let policies = template.resources("AWS::SQS::QueuePolicy");
    let statements: Vec<_> =
        policies.flat_map(|(_, policy)| policy["PolicyDocument"]["Statement"].as_array().unwrap()).collect();
    let kept = |id: &str, rule: &Value| {
        let queue = &rule["Targets"][0]["DeadLetterConfig"]["Arn"];
        let may_send = json!({
            "Sid": "KeepWhatTheBusCannotDeliver",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": get_arn(id)}},
        });
        *queue == get_arn("FailedEventsQueue") && statements.contains(&&may_send)
    };
    let rules = template.resources("AWS::Events::Rule");
    rules.filter(|(id, rule)| !kept(id, rule)).map(|(id, _)| id.to_owned()).collect()
}

#[tokio::test]
async fn what_the_bus_cannot_deliver_is_kept() {
    let statement = "/FailedEventsQueueOverTlsOnly/Properties/PolicyDocument/Statement/1";
    keeps(
        no_event_of_the_bus_is_lost,
        &[
            ("/IngestConversationEnded/Properties/Targets/0/DeadLetterConfig", Value::Null),
            (statement, Value::Null),
            (&format!("{statement}/Condition"), Value::Null),
            (&format!("{statement}/Resource"), get_arn("EventsQueue")),
        ],
    )
    .await;
}
