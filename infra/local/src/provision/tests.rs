//! Against the local stack's own endpoints.

use adapters::aws::Clients;
use aws_sdk_dynamodb::types::{ProjectionType, TimeToLiveStatus};
use aws_sdk_sqs::types::QueueAttributeName;

use super::*;
use crate::clock::Clock;
use crate::endpoints::Endpoints;
use crate::template::Parameters;

async fn start() -> (Endpoints, Clients) {
    let endpoints = Endpoints::start(None, &Clock::system()).await.unwrap();
    let clients = endpoints.clients().unwrap();
    (endpoints, clients)
}

#[tokio::test]
async fn a_second_start_finds_everything_as_the_first_made_it() {
    let (_endpoints, Clients { sqs, dynamodb, .. }) = start().await;
    let template = Template::read(&Parameters::new()).unwrap();
    let first = provision(&template, &sqs, &dynamodb).await.unwrap();
    let events = &first.queues["EventsQueue"].url;
    sqs.send_message().queue_url(events).message_body("kept").send().await.unwrap();

    let second = provision(&template, &sqs, &dynamodb).await.unwrap();
    assert_eq!(first, second);
    let received = sqs.receive_message().queue_url(events).send().await.unwrap();
    assert_eq!(received.messages()[0].body(), Some("kept"));
}

#[tokio::test]
async fn queues_have_the_settings_of_the_template() {
    let (_endpoints, Clients { sqs, dynamodb, .. }) = start().await;
    let resources = provision(&Template::read(&Parameters::new()).unwrap(), &sqs, &dynamodb).await.unwrap();
    let url = &resources.queues["DeliveriesQueue"].url;
    let described = sqs
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap();
    let attributes = described.attributes().unwrap();
    assert_eq!(attributes[&QueueAttributeName::VisibilityTimeout], "185");
    assert_eq!(attributes[&QueueAttributeName::MessageRetentionPeriod], "345600");
    let policy: serde_json::Value =
        serde_json::from_str(&attributes[&QueueAttributeName::RedrivePolicy]).unwrap();
    assert_eq!(policy["maxReceiveCount"], 4);
    assert_eq!(policy["deadLetterTargetArn"], resources.queues["DeadLettersQueue"].arn.as_str());
}

#[tokio::test]
async fn the_delivery_log_has_its_index_and_expires() {
    let (_endpoints, Clients { sqs, dynamodb, .. }) = start().await;
    let resources = provision(&Template::read(&Parameters::new()).unwrap(), &sqs, &dynamodb).await.unwrap();
    let name = &resources.tables["DeliveryLogTable"];
    let described = dynamodb.describe_table().table_name(name).send().await.unwrap();
    let indexes = described.table().unwrap().global_secondary_indexes();
    let names: Vec<_> = indexes.iter().filter_map(|index| index.index_name()).collect();
    assert_eq!(names, ["by_time"]);
    let projection = indexes[0].projection().unwrap();
    assert_eq!(projection.projection_type(), Some(&ProjectionType::Include));
    assert_eq!(projection.non_key_attributes().len(), 16);

    let described = dynamodb.describe_time_to_live().table_name(name).send().await.unwrap();
    let expiry = described.time_to_live_description().unwrap();
    assert_eq!(expiry.attribute_name(), Some("expires_at"));
    assert_eq!(expiry.time_to_live_status(), Some(&TimeToLiveStatus::Enabled));
}

#[tokio::test]
async fn every_function_finds_its_environment_among_what_was_made() {
    let (_endpoints, Clients { sqs, dynamodb, .. }) = start().await;
    let template = Template::read(&Parameters::new()).unwrap();
    let resources = provision(&template, &sqs, &dynamodb).await.unwrap();
    for function in &template.functions {
        let environment = function.environment(&resources).unwrap();
        assert_eq!(environment["DESTINATIONS_TABLE"], "DestinationsTable", "{}", function.id);
    }
}
