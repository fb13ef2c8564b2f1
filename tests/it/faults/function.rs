//! Faults of a running function: rows 26 to 31.

use std::sync::Arc;
use std::time::Duration;

use adapters::config::Retention;
use adapters::dynamodb::{ContextTables, DestinationTable, LedgerTable};
use adapters::sender::HttpSender;
use adapters::sqs::Queue;
use adapters::vault::kms::KmsDecryptor;
use bytes::Bytes;
use domain::delivery::deliver::{ATTEMPT_LIMIT, Deliver, Invocation, Verdict};
use domain::delivery::message::Message;
use domain::delivery::monitor::Monitor;
use domain::delivery::outcome::{Outcome, OutcomeClass};
use domain::delivery::received::Receipt;
use domain::delivery::received::Received;
use domain::delivery::record::DeliveryStatus;
use domain::delivery::request::WebhookRequest;
use domain::delivery::request::WebhookSender;
use domain::destination::egress::EgressPolicy;
use domain::shared::clock::Clock as _;
use domain::shared::ids::DeliveryId;
use domain::testing::fakes::MemoryQueue;
use futures_util::future::BoxFuture;
use local::endpoints::clients;
use local::lambda::function::{Function, InvokeError};
use local::receiver::Answer;
use serde_json::{Value, json};

use super::entries::INSERTS;
use super::mappings::Mappings;
use super::site::{DELIVERIES, Site};
use crate::log;

/// Dispatch's timeout in the template.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The queues' visibility timeout in the template.
const VISIBILITY: Duration = Duration::from_secs(185);

#[tokio::test(flavor = "multi_thread")]
async fn row_26_a_batch_that_was_slow_to_start_is_handed_back_without_a_claim() {
    let (site, hand) = Site::by_hand().await;
    let mappings = Arc::new(Mappings::new(&site, &site.dispatch().await).await);
    let destination = site.destination("/slow").await;
    let event = site.accept("c-1").await;
    mappings.events.step().await;

    let reads = site.tables.on("BatchGetItem").stop_before();
    let stepping = tokio::spawn({
        let mappings = Arc::clone(&mappings);
        async move { mappings.deliveries.step().await }
    });
    reads.reached().await;
    hand.advance(TIMEOUT - ATTEMPT_LIMIT);
    reads.release();
    assert_eq!(stepping.await.unwrap(), 1);
    assert_eq!(site.tables.calls(INSERTS), 0, "nothing is claimed that cannot be finished");
    assert_eq!(mappings.deliveries.step().await, 1, "it is returned at once");
    assert_eq!(site.attempts_at("/slow"), [1]);

    mappings.drain(&site, &hand, 0).await;
    assert_eq!(site.outcomes(&DeliveryId::of(&event, &destination)).await, [OutcomeClass::Success]);
    site.assert_kept().await;
}

/// A sender that panics for one path.
struct Panics(HttpSender);

impl WebhookSender for Panics {
    async fn send(&self, request: WebhookRequest) -> Outcome {
        assert_ne!(request.url.path(), "/panics", "injected");
        self.0.send(request).await
    }
}

/// The use case with the real tables, queue and sender. The panic is injected, because no real port panics.
#[tokio::test(flavor = "multi_thread")]
async fn row_27_a_panic_in_one_item_fails_that_item_only() {
    let (site, hand) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch().await).await;
    for path in ["/a", "/panics", "/b"] {
        site.destination(path).await;
    }
    let event = site.accept("c-1").await;
    mappings.events.step().await;

    let aws = clients(&adapters::aws::config(site.variables()).unwrap());
    let variables = &site.world.stack.environment;
    let clock: Arc<dyn domain::shared::clock::Clock> = Arc::new(site.clock.clone());
    let (destinations, log) =
        (variables["DESTINATIONS_TABLE"].clone(), variables["DELIVERY_LOG_TABLE"].clone());
    let health = DestinationTable::new(aws.dynamodb.clone(), destinations.clone());
    let certificate = site.certificate();
    let deliver = Deliver::new(
        LedgerTable::new(aws.dynamodb.clone(), log.clone(), Retention::read(variables).unwrap()),
        ContextTables::new(aws.dynamodb.clone(), destinations, log, Arc::clone(&clock)),
        KmsDecryptor::new(aws.kms, variables["SECRETS_KEY_ARN"].clone(), Arc::clone(&clock)),
        Panics(HttpSender::new(EgressPolicy::PublicAndLoopback, &[certificate]).unwrap()),
        Queue::new(aws.sqs.clone(), site.queue_url(DELIVERIES).to_owned()),
        Monitor::new(health, MemoryQueue::<()>::default(), None),
        Arc::default(),
        clock,
    );
    let receive = aws.sqs.receive_message().queue_url(site.queue_url(DELIVERIES)).max_number_of_messages(10);
    let batch = receive.send().await.unwrap().messages.unwrap();
    let received: Vec<_> = batch.iter().map(first_receive).collect();
    let invocation = Invocation { id: "panics".to_owned(), deadline: site.clock.now() + TIMEOUT };
    let verdicts = deliver.run(&received, &invocation).await;
    assert_eq!(verdicts, [Verdict::Done; 3], "a copy waits for the one that panicked");
    for message in &batch {
        let delete = aws.sqs.delete_message().queue_url(site.queue_url(DELIVERIES));
        delete.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    }
    assert_eq!(site.world.messages_in(DELIVERIES).await, 1);

    mappings.drain(&site, &hand, 0).await;
    assert_eq!((site.attempts_at("/a"), site.attempts_at("/b")), (vec![1], vec![1]));
    assert_eq!(site.attempts_at("/panics"), [2], "the first was claimed, and its outcome is unknown");
    let destination = site.destinations.lock().unwrap()["/panics"].clone();
    let outcomes = site.outcomes(&DeliveryId::of(&event, &destination)).await;
    assert_eq!(outcomes, [OutcomeClass::Unknown, OutcomeClass::Success]);
    site.assert_kept().await;
}

fn first_receive(message: &aws_sdk_sqs::types::Message) -> Received {
    let Ok(Message::Delivery(delivery)) = Message::parse(message.body().unwrap()) else { panic!("not ours") };
    let receipt = Receipt(message.receipt_handle().unwrap().to_owned());
    Received { message: delivery, receipt, receive_count: Some(1) }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_28_what_cannot_be_read_ends_alone_in_the_dead_letter_queue_and_is_counted() {
    let (site, hand) = Site::by_hand().await;
    let dispatch = site.dispatch().await;
    let mappings = Mappings::new(&site, &dispatch).await;
    for number in 0..8 {
        site.destination(&format!("/{number}")).await;
    }
    site.accept("c-1").await;
    mappings.events.step().await;
    let unknown_version = json!({"type": "delivery", "v": 2, "canary": "row 28"}).to_string();
    for poison in ["row 28, not JSON", &unknown_version] {
        site.put(DELIVERIES, poison).await;
    }
    assert_eq!(mappings.deliveries.step().await, 10, "all in one batch");
    for number in 0..8 {
        assert_eq!(site.attempts_at(&format!("/{number}")), [1]);
    }
    assert_eq!(site.world.messages_in(DELIVERIES).await, 2, "only they come back");
    mappings.drain(&site, &hand, 2).await;
    site.assert_kept().await;

    // SQS refuses an empty body, so this record is made up.
    let record = |id: &str, body: &str| {
        json!({"messageId": id, "receiptHandle": id, "body": body, "attributes": {},
            "eventSourceARN": site.world.stack.resources.queues[DELIVERIES].arn})
    };
    let event = json!({"Records": [record("empty-of-row-28", "")]});
    let answer = dispatch.invoke(Bytes::from(event.to_string())).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["batchItemFailures"], json!([{"itemIdentifier": "empty-of-row-28"}]));
    let counted = log::captured().with(&["message.poison", "empty-of-row-28", "CloudWatchMetrics"]);
    assert_eq!(counted.len(), 1, "{counted:?}");
}

/// A function whose invocations are throttled.
struct Throttled;

impl Function for Throttled {
    fn invoke(&self, _: Bytes, _: u64) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async { Err(InvokeError::Throttled) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_29_receives_that_throttled_invokes_burned_cost_no_attempt_and_are_counted() {
    let (site, hand) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch().await).await;
    let throttled = site.mapping(DELIVERIES, &site.deployed(Arc::new(Throttled), TIMEOUT)).await;
    let destination = site.destination("/fails").await;
    site.receiver.answer("/fails", Answer::Status(500));
    let event = site.accept("c-1").await;
    mappings.events.step().await;
    for _ in 0..2 {
        assert_eq!(throttled.step().await, 1);
        hand.advance(VISIBILITY);
    }
    mappings.drain(&site, &hand, 0).await;
    assert_eq!(site.attempts_at("/fails"), [1, 2, 3, 4], "all four, though four receives left room for two");
    let delivery = DeliveryId::of(&event, &destination);
    assert_eq!(site.status(&delivery).await, DeliveryStatus::Exhausted);
    let letters = log::captured().with(&["dead_letter.reconciled", delivery.as_str(), "Returned"]);
    assert_eq!(letters.len(), 1, "{letters:?}");
    let burned =
        log::captured().with(&["delivery.attempted", delivery.as_str(), r#""receives_without_attempt":2"#]);
    assert_eq!(burned.len(), 2, "both attempts before the dead letter: {burned:?}");
    site.assert_kept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_30_two_workers_with_one_message_send_it_once() {
    let (site, hand) = Site::by_hand().await;
    let dispatch = site.dispatch().await;
    let mappings = Mappings::new(&site, &dispatch).await;
    site.destination("/once").await;
    site.accept("c-1").await;
    mappings.events.step().await;
    let [body] = &site.world.read(DELIVERIES).await[..] else { panic!("not one message") };
    hand.advance(VISIBILITY);
    // SQS delivers twice, to two workers; neither claims before both have the message.
    site.put(DELIVERIES, &body.to_string()).await;
    let claims = [(); 2].map(|()| site.tables.on(INSERTS).stop_before());
    let single = async || {
        let mut mapping = site.mapping(DELIVERIES, &dispatch).await;
        mapping.batch_size = 1;
        mapping.step().await
    };
    let release_both = async {
        for claim in &claims {
            claim.reached().await;
        }
        claims.into_iter().for_each(super::stop::Stop::release);
        0
    };
    // The first copy was already received here, so its worker reads before it claims; both find no record and claim.
    let (first, second, _) = tokio::join!(single(), single(), release_both);
    assert_eq!(first + second, 2);
    mappings.drain(&site, &hand, 0).await;
    assert_eq!(site.attempts_at("/once"), [1]);

    // The same message again, after its deletion.
    site.put(DELIVERIES, &body.to_string()).await;
    mappings.drain(&site, &hand, 0).await;
    assert_eq!(site.attempts_at("/once"), [1]);
    site.assert_kept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_31_a_fan_out_that_is_killed_halfway_makes_one_delivery_for_each_destination() {
    const DESTINATIONS: usize = 25;
    let (site, hand) = Site::by_hand().await;
    let mappings = Arc::new(Mappings::new(&site, &site.dispatch().await).await);
    for number in 0..DESTINATIONS {
        site.destination(&format!("/{number}")).await;
    }
    site.accept("c-1").await;

    let second_batch = site.queues.on("SendMessageBatch").nth(2).stop_before();
    let stepping = tokio::spawn({
        let mappings = Arc::clone(&mappings);
        async move { mappings.events.step().await }
    });
    second_batch.reached().await;
    site.queues.answered("SendMessageBatch", 2).await;
    hand.advance(TIMEOUT); // it is killed at its deadline
    assert_eq!(stepping.await.unwrap(), 1);
    drop(second_batch);
    let sent = site.world.messages_in(DELIVERIES).await;
    assert!(sent > 0 && sent < DESTINATIONS as u64, "{sent} were sent before");

    mappings.drain(&site, &hand, 0).await;
    site.assert_kept().await;
    for number in 0..DESTINATIONS {
        assert_eq!(site.attempts_at(&format!("/{number}")), [1], "/{number}");
    }
}
