//! Names and tags: several stacks fit in one account, and costs are tagged with their stage.

use serde_json::{Value, json};

use super::{Template, keeps};

/// Properties that name a resource in its account.
const NAMES: [&str; 9] = [
    "QueueName",
    "TableName",
    "FunctionName",
    "RoleName",
    "PolicyName",
    "LogGroupName",
    "DashboardName",
    "AlarmName",
    "Name",
];

/// Types whose name properties name something else: a role's policy, the function of a permission.
const NOT_OF_THE_ACCOUNT: [&str; 2] = ["AWS::IAM::Role", "AWS::Lambda::Permission"];

fn no_name_is_fixed(template: &Template) -> Vec<String> {
    let resources = template.0["Resources"].as_object().unwrap();
    let mut fixed = Vec::new();
    for (id, resource) in resources {
        if NOT_OF_THE_ACCOUNT.iter().any(|kind| resource["Type"] == *kind) {
            continue;
        }
        for name in NAMES {
            let value = &resource["Properties"][name];
            let of_the_stack = value.is_null()
                || value.get("Ref").is_some()
                || value["Fn::Sub"].as_str().is_some_and(|text| text.contains("${AWS::StackName}"))
                || value.to_string().contains(r#"{"Ref":"AWS::StackId"}"#);
            if !of_the_stack {
                fixed.push(format!("{id}: {name} is {value} in every stack"));
            }
        }
    }
    fixed
}

#[tokio::test]
async fn two_stacks_fit_in_one_account() {
    keeps(
        no_name_is_fixed,
        &[
            ("/EventsQueue/Properties/QueueName", json!("events")),
            ("/DestinationsTable/Properties/TableName", json!("destinations")),
            ("/Dispatch/Properties/FunctionName", json!({"Fn::Sub": "dispatch-${AWS::Region}"})),
            ("/Dashboard/Properties/DashboardName", json!("Ringback")),
        ],
    )
    .await;
}

/// The longest name of a stack, by infra/README.md.
pub(super) const STACK_NAME: usize = 69;

/// Where a name that the template makes has a limit, and which:
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
const LIMITED: [(&str, &str, usize); 2] =
    [("AWS::Scheduler::Schedule", "Name", 64), ("AWS::SQS::Queue", "QueueName", 80)];

fn names_fit(template: &Template) -> Vec<String> {
    // With the id of a stack, which is a UUID.
    let id = json!({"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]});
    let length = |name: &Value| match (&name["Fn::Sub"], &name["Fn::Join"]) {
        (Value::String(text), _) => text.replace("${AWS::StackName}", &"x".repeat(STACK_NAME)).len(),
        (_, Value::Array(join)) if join[1][0] == id => 36 + 1 + join[1][1].as_str().unwrap().len(),
        _ => 0,
    };
    let mut breaches = Vec::new();
    for (kind, name, limit) in LIMITED {
        let resources = template.resources(kind).filter(|(_, resource)| length(&resource[name]) > limit);
        breaches.extend(resources.map(|(id, resource)| format!("{id}: {} is too long", resource[name])));
    }
    breaches
}

#[tokio::test]
async fn a_long_stack_name_is_no_fault() {
    let too_long = json!({"Fn::Sub": "${AWS::StackName}-deliveries-in-flight"});
    keeps(names_fit, &[("/DeliveriesQueue/Properties/QueueName", too_long)]).await;
}

fn everything_that_costs_is_tagged(template: &Template) -> Vec<String> {
    let stage = json!({"Ref": "Stage"});
    let tagged = |tags: &Value| match tags {
        Value::Array(tags) => tags.contains(&json!({"Key": "Stage", "Value": stage})),
        tags => tags["Stage"] == stage,
    };
    [
        "AWS::Lambda::Function",
        "AWS::SQS::Queue",
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::ApiGatewayV2::Stage",
    ]
    .into_iter()
    .flat_map(|kind| template.resources(kind))
    .filter(|(_, properties)| !tagged(&properties["Tags"]))
    .map(|(id, _)| id.to_owned())
    .collect()
}

#[tokio::test]
async fn what_costs_says_which_stage_it_is_of() {
    keeps(
        everything_that_costs_is_tagged,
        &[
            ("/Query/Properties/Tags", Value::Null),
            ("/FailedEventsQueue/Properties/Tags", Value::Null),
            ("/SecretsKey/Properties/Tags", Value::Null),
            ("/ApiApiGatewayDefaultStage/Properties/Tags/Stage", Value::Null),
        ],
    )
    .await;
}
