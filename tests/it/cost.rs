//! The cost of events, deliveries and requests in table calls and capacity units, as the tables report it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapters::aws::Clients;
use adapters::config::Retention;
use adapters::dynamodb::{
    ContextTables, ConversationTable, DestinationTable, EventTable, LedgerTable, RateTable,
};
use adapters::system::SystemRandomness;
use adapters::vault::kms::{KmsDecryptor, KmsVault};
use domain::conversation::ended::CompletionFlow;
use domain::conversation::fields::ConversationFields;
use domain::conversation::patch::ConversationPatch;
use domain::delivery::context::Contexts;
use domain::delivery::deliver::{Deliver, Invocation, Verdict};
use domain::delivery::message::DeliveryMessage;
use domain::delivery::monitor::Monitor;
use domain::delivery::outcome::{Outcome, OutcomeClass, ResponseExcerpt, SUCCESS_EXCERPT_BYTES};
use domain::delivery::received::Receipt;
use domain::delivery::received::Received;
use domain::delivery::request::WebhookRequest;
use domain::delivery::request::WebhookSender;
use domain::destination::store::{DestinationStore, Stored};
use domain::destination::target_url::TargetUrl;
use domain::event::kind::EventKind;
use domain::event::store::{Created, Events};
use domain::lifecycle::complete::Complete;
use domain::lifecycle::completion::Completion;
use domain::lifecycle::freeze::{Freeze, Frozen};
use domain::lifecycle::provider_callback::Ending;
use domain::shared::clock::Clock;
use domain::shared::ids::{ConversationId, DeliveryId, EventId};
use domain::shared::rate::RateCounter;
use domain::shared::rate::{RateKey, Window};
use domain::testing::fakes::{ManualClock, MemoryQueue, sample};
use local::endpoints::{Endpoints, clients};
use local::provision::provision;
use local::template::{Parameters, Template};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::between::{self, Interceptor, Reply, Server, Upstream};
use crate::log::captured;
use crate::world::{MORNING_MS, World};

/// Deliveries in a batch.
const BATCH: usize = 10;

/// What the table of prices assumes: see infra/price.
fn assumed(kind: &str, what: &str) -> f64 {
    let usage: Value = serde_json::from_str(include_str!("../../infra/usage.json")).unwrap();
    usage[kind][what].as_f64().unwrap()
}

fn assert_is(measured: f64, kind: &str, what: &str) {
    let assumed = assumed(kind, what);
    assert!((measured - assumed).abs() < 0.05, "{what}: {measured} {kind}, not {assumed}");
}

const CLAIM: &str = "BatchExecuteStatement INSERT";
const COMPLETE: &str = "BatchExecuteStatement UPDATE";

/// One call to the tables and the capacity units it consumed, indexes included.
struct Call {
    operation: String,
    units: f64,
}

/// Makes the tables report what each call consumed.
#[derive(Default)]
struct Meter(Arc<Mutex<Vec<Call>>>);

impl Interceptor for Meter {
    async fn intercept(&self, mut call: between::Call, upstream: &Upstream) -> Option<Reply> {
        let mut request: Value = serde_json::from_slice(&call.body).unwrap();
        request["ReturnConsumedCapacity"] = json!("INDEXES");
        call.body = request.to_string().into();
        let operation = call.operation.clone();
        let reply = upstream.send(call).await?;
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        let consumed = &answer["ConsumedCapacity"];
        let each = consumed.as_array().cloned().unwrap_or_else(|| vec![consumed.clone()]);
        let units = each.iter().map(|table| table["CapacityUnits"].as_f64().unwrap()).sum();
        self.0.lock().unwrap().push(Call { operation, units });
        Some(reply)
    }
}

/// A sender whose responses fill the excerpt that is kept of a success. Those of a batch come all at once.
struct Talkative(Barrier);

impl WebhookSender for Talkative {
    async fn send(&self, _: WebhookRequest) -> Outcome {
        self.0.wait().await;
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("content-length", "5120"),
            ("date", "Tue, 01 Sep 2026 10:00:00 GMT"),
            ("server", "nginx/1.27.0"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let response = ResponseExcerpt { headers, body: "x".repeat(SUCCESS_EXCERPT_BYTES), truncated: true };
        Outcome {
            class: OutcomeClass::Success,
            http_status: Some(200),
            error: None,
            duration: Duration::from_millis(4321),
            response: Some(response),
        }
    }
}

/// Clients whose calls to the tables are metered.
async fn metered(endpoints: &Endpoints) -> (Clients, Arc<Mutex<Vec<Call>>>) {
    let meter = Arc::new(Meter::default());
    let calls = Arc::clone(&meter.0);
    let mut variables = endpoints.variables();
    let tables = variables.get_mut("AWS_ENDPOINT_URL_DYNAMODB").unwrap();
    *tables = Server::start(tables.clone(), meter).await.url;
    (clients(&adapters::aws::config(variables).unwrap()), calls)
}

/// The template's tables, with a metered and a direct client.
struct Tables {
    metered: aws_sdk_dynamodb::Client,
    direct: aws_sdk_dynamodb::Client,
    calls: Arc<Mutex<Vec<Call>>>,
    clock: Arc<dyn Clock>,
    retention: Retention,
    kms: adapters::aws::Kms,
    endpoints: Endpoints,
}

impl Tables {
    async fn start() -> Self {
        let endpoints = Endpoints::start(None, &local::clock::Clock::system()).await.unwrap();
        let (Clients { dynamodb, sqs, kms }, calls) = metered(&endpoints).await;
        let direct = endpoints.clients().unwrap().dynamodb;
        provision(&Template::read(&Parameters::new()).unwrap(), &sqs, &direct).await.unwrap();
        let days =
            std::collections::BTreeMap::from([("DELIVERY_RETENTION_DAYS".to_owned(), "30".to_owned())]);
        Self {
            metered: dynamodb,
            direct,
            calls,
            clock: Arc::new(ManualClock::new(MORNING_MS)),
            retention: Retention::read(&days).unwrap(),
            kms,
            endpoints,
        }
    }

    fn conversations(&self) -> ConversationTable {
        let table = "ConversationsTable".to_owned();
        ConversationTable::new(self.metered.clone(), table, Arc::clone(&self.clock))
    }

    fn events(&self, client: &aws_sdk_dynamodb::Client) -> EventTable {
        EventTable::new(client.clone(), "DeliveryLogTable".to_owned(), Arc::clone(&self.clock))
    }

    /// The decryptor of a new process, with nothing cached.
    fn decryptor(&self) -> KmsDecryptor {
        KmsDecryptor::new(self.kms.clone(), "key".to_owned(), Arc::clone(&self.clock))
    }

    fn count(&self, operation: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| call.operation == operation).count()
    }

    fn units(&self, operation: &str) -> f64 {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|call| call.operation == operation).map(|call| call.units).sum()
    }

    fn all(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

/// A two-minute call that ended: accepted, then let leave by fan-out.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_kilobyte_costs_two_write_units_by_the_platforms_word_and_three_by_a_providers() {
    for (flows, units, puts) in [
        (&[CompletionFlow::Hangup][..], 2.0, 2),
        (&[CompletionFlow::Twilio], 3.0, 3),
        (&[CompletionFlow::Twilio, CompletionFlow::Hangup], 3.0, 3),
    ] {
        let tables = Tables::start().await;
        let (conversations, events) = (tables.conversations(), tables.events(&tables.metered));
        let queue = MemoryQueue::default();
        let complete = Complete::new(
            conversations.clone(),
            queue.clone(),
            events.clone(),
            sample::SPANS,
            Arc::clone(&tables.clock),
            Arc::new(SystemRandomness),
        );
        let transcript: Vec<_> = (0..20)
            .map(|turn| json!({"role": "user", "content": format!("turn {turn}, some words")}))
            .collect();
        let stated = json!({"agent_id": "68ea2517dbb84c09bae1ba0a", "conversation_duration": 142,
            "conversation_transcript": transcript});
        let stated = ConversationPatch::parse(serde_json::from_value(stated).unwrap()).unwrap();
        for &flow in flows {
            let completion = Completion {
                account_id: sample::account(),
                conversation_id: sample::conversation_id(),
                flow,
                end: Ending::As(EventKind::Completed),
                ended_at: None,
                settle: Duration::ZERO,
                stated: stated.clone(),
                known: ConversationFields::default(),
            };
            complete.run(&completion).await.unwrap();
        }
        assert_eq!(tables.count("PutItem"), flows.len(), "one conditional write for each word");

        let later: Arc<dyn Clock> = Arc::new(ManualClock::new(MORNING_MS + 15_000));
        let freeze = Freeze::new(conversations, events, later);
        let message = queue.sent().pop().unwrap();
        assert!(matches!(freeze.run(&message, true).await.unwrap(), Frozen::Event(_)));
        assert_eq!(tables.count("PutItem"), puts);
        assert_eq!(tables.all(), tables.count("PutItem") + tables.count("GetItem"), "and nothing else");
        // The record each time, and again where the first look saw that it had ended.
        assert_eq!(tables.count("GetItem"), 2 * flows.len(), "{flows:?}");
        let writes = tables.units("PutItem");
        assert!((writes - units).abs() < 0.1, "{flows:?}: {writes} write units");
        if flows == [CompletionFlow::Hangup] {
            assert_is(writes, "write_units", "event");
            assert_is(tables.units("GetItem"), "read_units", "record");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_try_success_costs_two_writes_of_three_units_and_its_share_of_one_read() {
    let tables = Tables::start().await;

    // The event of a two-minute call, and ten destinations.
    let event = domain::event::lifecycle_event::LifecycleEvent {
        accepted_at: tables.clock.now(),
        until: tables.clock.now() + domain::testing::fakes::RETENTION,
        ..sample::event(&"{}".repeat(2000))
    };
    let by = domain::shared::token::Token::from("message");
    let created = tables.events(&tables.direct).create(&event, &by, tables.clock.now()).await.unwrap();
    assert!(matches!(created, Created::Yes));
    let destinations = DestinationTable::new(tables.direct.clone(), "DestinationsTable".to_owned());
    let vault = KmsVault::new(tables.decryptor(), Arc::new(SystemRandomness));
    let mut batch = Vec::new();
    for number in 0..BATCH {
        let mut destination = sample::destination(&format!("dst_{number:016x}"));
        destination.url = TargetUrl::from_stored(&format!("https://example.com/{number}")).unwrap();
        destination.secrets =
            sample::secrets().encrypt(&destination.encryption_context(), &vault).await.unwrap();
        assert_eq!(destinations.put(&destination, None).await.unwrap(), Stored::Yes);
        let delivery_id = DeliveryId::of(&event.id, &destination.id);
        let delivery = domain::delivery::record::Delivery {
            id: delivery_id,
            destination_id: destination.id,
            created_at: tables.clock.now(),
            ..sample::delivery()
        };
        let message = DeliveryMessage::from(delivery);
        batch.push(Received { message, receipt: Receipt(number.to_string()), receive_count: Some(1) });
    }

    let deliver = Deliver::new(
        LedgerTable::new(tables.metered.clone(), "DeliveryLogTable".to_owned(), tables.retention),
        ContextTables::new(
            tables.metered.clone(),
            "DestinationsTable".to_owned(),
            "DeliveryLogTable".to_owned(),
            Arc::clone(&tables.clock),
        ),
        tables.decryptor(),
        Talkative(Barrier::new(BATCH)),
        MemoryQueue::default(),
        Monitor::new(
            DestinationTable::new(tables.metered.clone(), "DestinationsTable".to_owned()),
            MemoryQueue::<()>::default(),
            None,
        ),
        Arc::default(),
        Arc::clone(&tables.clock),
    );
    let before = tables.endpoints.kms.calls();
    let id = "2a9f6c1e-6a0b-4c8e-9d53-000000000001".to_owned();
    let invocation = Invocation { id, deadline: tables.clock.now() + Duration::from_secs(30) };
    assert_eq!(deliver.run(&batch, &invocation).await, [Verdict::Done; BATCH]);
    assert_eq!(tables.endpoints.kms.calls() - before, BATCH, "one data key for each destination");
    assert_eq!(tables.count("BatchGetItem"), 1, "one read for the whole batch");
    assert_eq!(tables.count(CLAIM), 1, "ten claims in one call");
    assert_eq!(tables.count(COMPLETE), 1, "ten completions that end together in one call");
    let writes = tables.units(CLAIM) + tables.units(COMPLETE);
    assert_is(writes / BATCH as f64, "write_units", "delivery");
    // The event is read once for the whole batch, and each of ten destinations with its health.
    let event = assumed("read_units", "delivery");
    assert_is((tables.units("BatchGetItem") - event) / BATCH as f64, "read_units", "destination");
    assert!(tables.units(CLAIM) >= BATCH as f64, "the meter counts");
    // Once a minute, the health of each destination.
    assert_eq!((tables.all(), tables.count("PutItem")), (3 + BATCH, BATCH), "and nothing else");
    assert!((tables.units("PutItem") - BATCH as f64).abs() < 0.1, "{} write units", tables.units("PutItem"));

    // The same event, sent again to the same destinations by the same process.
    for (number, received) in batch.iter_mut().enumerate() {
        received.message.delivery_id = received.message.delivery_id.resend_id(&number.to_string()).unwrap();
    }
    let id = "2a9f6c1e-6a0b-4c8e-9d53-000000000002".to_owned();
    let invocation = Invocation { id, deadline: tables.clock.now() + Duration::from_secs(30) };
    assert_eq!(deliver.run(&batch, &invocation).await, [Verdict::Done; BATCH]);
    assert_eq!(tables.endpoints.kms.calls() - before, BATCH, "a warm process needs none");
    // Each is also noted in the row of the delivery that the event left with.
    assert_eq!(tables.count("TransactWriteItems"), BATCH, "each completion is one call");
    assert_eq!(tables.count("PutItem"), BATCH, "the health was written a moment ago");
}

/// What makes a batch to one destination cheap.
#[tokio::test(flavor = "multi_thread")]
async fn ten_deliveries_to_one_destination_read_it_once() {
    let tables = Tables::start().await;
    let destinations = DestinationTable::new(tables.direct.clone(), "DestinationsTable".to_owned());
    let destination = sample::destination("dst_0000000000000001");
    assert_eq!(destinations.put(&destination, None).await.unwrap(), Stored::Yes);
    let mut batch = Vec::new();
    for number in 0..BATCH {
        let event = domain::event::lifecycle_event::LifecycleEvent {
            id: EventId::of_conversation(
                &sample::account(),
                &ConversationId::parse(format!("call-{number}")).unwrap(),
            ),
            accepted_at: tables.clock.now(),
            until: tables.clock.now() + domain::testing::fakes::RETENTION,
            ..sample::event("{}")
        };
        let by = domain::shared::token::Token::from("message");
        let created = tables.events(&tables.direct).create(&event, &by, tables.clock.now()).await.unwrap();
        assert!(matches!(created, Created::Yes));
        batch.push(DeliveryMessage::from(domain::delivery::record::Delivery {
            id: DeliveryId::of(&event.id, &destination.id),
            destination_id: destination.id.clone(),
            ..sample::delivery()
        }));
    }
    let contexts = ContextTables::new(
        tables.metered.clone(),
        "DestinationsTable".to_owned(),
        "DeliveryLogTable".to_owned(),
        Arc::clone(&tables.clock),
    );
    let loaded = contexts.load(&batch.iter().collect::<Vec<_>>()).await;
    assert!(loaded.iter().all(|context| context.as_ref().is_ok_and(|context| context.health.is_some())));
    let reads = tables.units("BatchGetItem") - assumed("read_units", "destination");
    assert_is(reads / BATCH as f64, "read_units", "delivery");
}

#[tokio::test(flavor = "multi_thread")]
async fn to_count_a_request_costs_one_write_of_one_unit() {
    let tables = Tables::start().await;
    let rates = RateTable::new(tables.metered.clone(), "DeliveryLogTable".to_owned());
    let (account, window) = (sample::account(), Window::at(tables.clock.now()));
    for place in 1..=3 {
        assert_eq!(rates.add(RateKey::Requests(&account), window, 1).await.unwrap(), place);
    }
    assert_eq!((tables.all(), tables.count("UpdateItem")), (3, 3));
    assert!((tables.units("UpdateItem") - 3.0).abs() < 0.1, "{} write units", tables.units("UpdateItem"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_a_delivery_are_as_long_as_the_prices_assume() {
    let log = captured();
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    let conversation = "0f0c6f5e-6a0b-4c8e-9d53-0a28e7071508";
    customer.hang_up(conversation).await;
    customer.delivery_once(conversation, "delivered").await;
    for line in ["event.accepted", "delivery.attempted"] {
        let success = if line == "delivery.attempted" { r#""outcome":"success""# } else { "" };
        let lines = log.with(&[&format!("\"message\":\"{line}\""), conversation, success]);
        let bytes = lines[0].len() as f64;
        let assumed = assumed("log_bytes", line);
        let fields: Value = serde_json::from_str(&lines[0]).unwrap();
        for read_by_a_filter in ["duration_ms", "delay_ms"].into_iter().filter(|_| !success.is_empty()) {
            assert!(fields[read_by_a_filter].is_u64(), "{fields}");
        }
        assert!((0.9 * assumed..=assumed).contains(&bytes), "{bytes} bytes, not {assumed}: {}", lines[0]);
    }
}
