//! What Lambda's detection of recursive loops goes by.

use aws_sdk_sqs::types::MessageSystemAttributeName;
use local::clock::Clock;
use local::stack::Options;

use crate::world::{World, options};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_carries_the_trace_of_the_invocation_that_sent_it() {
    let world = World::with(Options { invokes: false, ..options(Clock::system()) }).await;
    let customer = world.customer("Acme").await;
    customer.hang_up("c-1").await;
    let receive = world.stack.clients.sqs.receive_message();
    let receive = receive.queue_url(&world.stack.resources.queues["EventsQueue"].url);
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::AwsTraceHeader);
    let messages = receive.send().await.unwrap().messages.unwrap();
    let trace = &messages[0].attributes.as_ref().unwrap()[&MessageSystemAttributeName::AwsTraceHeader];
    assert!(trace.ends_with(";Lineage=Ingest:1"), "{trace}");
}
