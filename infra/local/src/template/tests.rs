//! The deployed template, and what is refused.

use std::collections::BTreeSet;

use super::*;

struct Named;

impl Resolve for Named {
    fn reference(&self, id: &str) -> Option<String> {
        Some(format!("the {id}"))
    }

    fn attribute(&self, id: &str, name: &str) -> Option<String> {
        Some(format!("the {name} of {id}"))
    }
}

fn queue<'a>(template: &'a Template, id: &str) -> &'a Queue {
    template.queues.iter().find(|queue| queue.id == id).unwrap()
}

#[test]
fn the_real_template_is_read() {
    let template = Template::read(&Parameters::new()).unwrap();
    let ids = |ids: Vec<&String>| ids.into_iter().cloned().collect::<BTreeSet<_>>();
    let expected = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(
        ids(template.queues.iter().map(|queue| &queue.id).collect()),
        expected(&["EventsQueue", "DeliveriesQueue", "DeadLettersQueue", "FailedEventsQueue"])
    );
    assert_eq!(
        ids(template.tables.iter().map(|table| &table.id).collect()),
        expected(&["DestinationsTable", "ConversationsTable", "DeliveryLogTable"])
    );
    assert_eq!(
        ids(template.functions.iter().map(|function| &function.id).collect()),
        expected(&["Ingest", "Dispatch", "Query", "Destinations", "Purge"])
    );
    assert_eq!(template.keys, ["SecretsKey"]);
    assert_eq!(template.mappings.len(), 3);
    assert!(template.routes.iter().any(|route| route.key() == "GET /v1/deliveries/{delivery_id}"));
}

#[test]
fn work_is_given_up_after_four_receives_into_a_queue_that_keeps_it_longer() {
    let template = Template::read(&Parameters::new()).unwrap();
    for id in ["EventsQueue", "DeliveriesQueue"] {
        let source = queue(&template, id);
        let redrive = source.redrive.as_ref().unwrap();
        assert_eq!(redrive.max_receive_count, 4, "{id}");
        assert!(queue(&template, &redrive.dead_letters).retention > source.retention, "{id}");
    }
}

#[test]
fn visibility_outlasts_six_timeouts_of_the_function_behind_the_queue() {
    let template = Template::read(&Parameters::new()).unwrap();
    for mapping in &template.mappings {
        let timeout = template.function(&mapping.function).unwrap().timeout;
        assert!(queue(&template, &mapping.queue).visibility_timeout >= 6 * timeout, "{}", mapping.id);
        assert!(mapping.reports_failures && mapping.batch_size == 10, "{}", mapping.id);
    }
}

#[test]
fn a_function_is_told_its_own_timeout() {
    let template = Template::read(&Parameters::new()).unwrap();
    let dispatch = template.function("Dispatch").unwrap();
    let environment = dispatch.environment(&Named).unwrap();
    assert_eq!(environment["FUNCTION_TIMEOUT_SECONDS"], dispatch.timeout.as_secs().to_string());
}

#[test]
fn a_variable_is_what_the_resources_turned_out_to_be() {
    let template = Template::read(&Parameters::new()).unwrap();
    let environment = template.function("Ingest").unwrap().environment(&Named).unwrap();
    assert_eq!(environment["EVENTS_QUEUE_URL"], "the EventsQueue");
    assert_eq!(environment["DELIVERY_RETENTION_DAYS"], "30");
}

#[test]
fn a_key_of_the_operators_own_takes_the_place_of_ours() {
    let arn = "arn:aws:kms:us-east-1:000000000000:key/mine";
    let given = Parameters::from([("KmsKeyArn".to_owned(), arn.to_owned())]);
    let template = Template::read(&given).unwrap();
    assert!(template.keys.is_empty());
    let environment = |function: &str| template.function(function).unwrap().environment(&Named).unwrap();
    for function in ["Ingest", "Dispatch", "Destinations"] {
        assert_eq!(environment(function)["SECRETS_KEY_ARN"], arn);
    }
    assert!(!environment("Query").contains_key("SECRETS_KEY_ARN"));
}

#[test]
fn the_log_is_indexed_by_time_and_expires() {
    let template = Template::read(&Parameters::new()).unwrap();
    let log = template.tables.iter().find(|table| table.id == "DeliveryLogTable").unwrap();
    assert_eq!(log.time_to_live.as_deref(), Some("expires_at"));
    assert_eq!(log.key_attributes(), ["pk", "position", "shard", "sk"]);
    let [index] = &log.indexes[..] else { panic!("{} indexes", log.indexes.len()) };
    assert_eq!(index.key.attributes(), ["shard", "position"]);
    let Projection::Include { attributes } = &index.projection else { panic!("{}", index.name) };
    assert_eq!(attributes.len(), 16);
}

#[test]
fn what_is_missing_or_not_understood_is_named() {
    for (resource, named) in [
        ("Type: AWS::SQS::Queue\n    Properties: {MessageRetentionPeriod: 60}", "VisibilityTimeout"),
        (
            "Type: AWS::SQS::Queue\n    Properties: {MessageRetentionPeriod: 60, VisibilityTimeout: !Sub x}",
            "VisibilityTimeout",
        ),
        ("Type: AWS::SNS::Topic", "AWS::SNS::Topic"),
        (
            "Type: AWS::Serverless::Function\n    Metadata: {BuildProperties: {Binary: a}}\n    Properties: \
             {Timeout: 1, MemorySize: 128, Environment: {Variables: {A: !Join [x, []]}}}",
            "Environment.Variables.A: the local stack cannot evaluate {\"Fn::Join\"",
        ),
        (
            "Type: AWS::Serverless::Function\n    Metadata: {BuildProperties: {Binary: a}}\n    Properties: \
             {Timeout: 1, MemorySize: 128, Environment: {Variables: {}}, Events: {A: {Type: Schedule}}}",
            "Schedule",
        ),
        (
            "Type: AWS::Lambda::EventSourceMapping\n    Properties: {EventSourceArn: !GetAtt Q.Arn, FunctionName: !Ref F, \
             BatchSize: 10, FunctionResponseTypes: [ReportBatchItemFailurez], ScalingConfig: {MaximumConcurrency: 2}}",
            "ReportBatchItemFailurez",
        ),
    ] {
        let text = format!("Parameters: {{}}\nResources:\n  Wrong:\n    {resource}\n");
        let error = Template::parse(&text, &Parameters::new(), &Parameters::new()).unwrap_err().to_string();
        assert!(error.contains("Wrong") && error.contains(named), "{error}");
    }
}
