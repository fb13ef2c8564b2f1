//! Against the local stack's SQS, with a manual clock.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::clock::{Clock, ClockControl};
use crate::endpoints::Endpoints;
use crate::lambda::function::{Function, InvokeError, Running};

const START_MS: u64 = 1_700_000_000_000;
const VISIBILITY: Duration = Duration::from_secs(30);

/// A function with a fixed answer, which keeps the records that it was invoked with.
struct Scripted {
    answer: Result<Value, InvokeError>,
    records: watch::Sender<Vec<Value>>,
    /// An invocation ends when it gets one of these permits.
    leave: Semaphore,
    /// The invocations that run now, and the most that ever ran at once.
    running: watch::Sender<(usize, usize)>,
}

impl Function for Scripted {
    fn invoke(&self, payload: Bytes, _: u64) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let event: Value = serde_json::from_slice(&payload).unwrap();
            self.running.send_modify(|(now, most)| {
                *now += 1;
                *most = (*most).max(*now);
            });
            self.records.send_modify(|records| records.extend(event["Records"].as_array().unwrap().clone()));
            self.leave.acquire().await.unwrap().forget();
            self.running.send_modify(|(now, _)| *now -= 1);
            self.answer.clone().map(|answer| Bytes::from(answer.to_string()))
        })
    }
}

/// Sends another message to the queue that invokes it.
struct Loops {
    sqs: Client,
    queue_url: String,
}

impl Function for Loops {
    fn invoke(&self, _: Bytes, _: u64) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async {
            let send = self.sqs.send_message().queue_url(&self.queue_url).message_body("again");
            send.send().await.unwrap();
            Ok(Bytes::from_static(b"{}"))
        })
    }
}

/// A queue, and a function for its mapping to invoke.
struct World {
    sqs: Client,
    queue_url: String,
    function: Arc<Scripted>,
    clock: Clock,
    control: ClockControl,
    _endpoints: Endpoints,
}

impl World {
    async fn new(answer: Result<Value, InvokeError>, bodies: &[&str]) -> Self {
        let (clock, control) = Clock::manual(START_MS);
        let endpoints = Endpoints::start(None, &clock).await.unwrap();
        let sqs = endpoints.clients().unwrap().sqs;
        let create = sqs.create_queue().queue_name("work");
        let visibility = VISIBILITY.as_secs().to_string();
        let create = create.attributes(aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout, visibility);
        let queue_url = create.send().await.unwrap().queue_url.unwrap();
        for body in bodies {
            sqs.send_message().queue_url(&queue_url).message_body(*body).send().await.unwrap();
        }
        let function = Scripted {
            answer,
            records: watch::Sender::default(),
            leave: Semaphore::new(Semaphore::MAX_PERMITS),
            running: watch::Sender::default(),
        };
        Self { sqs, queue_url, function: Arc::new(function), clock, control, _endpoints: endpoints }
    }

    fn start(&self, batch_size: i32, maximum_concurrency: usize) -> (JoinHandle<()>, watch::Sender<bool>) {
        let function = Arc::clone(&self.function) as Arc<dyn Function>;
        let mapping = self.mapping(function, false, batch_size, maximum_concurrency);
        let (stop, stopped) = watch::channel(false);
        (tokio::spawn(mapping.run(stopped)), stop)
    }

    fn mapping(
        &self,
        function: Arc<dyn Function>,
        allows_loops: bool,
        batch_size: i32,
        maximum_concurrency: usize,
    ) -> Mapping {
        let function = Deployed {
            name: "Function".to_owned(),
            allows_loops,
            function,
            timeout: Duration::from_secs(5),
            clock: self.clock.clone(),
            asynchronous: None,
            running: Running::default(),
        };
        Mapping {
            id: "WorkToFunction".to_owned(),
            queue_url: self.queue_url.clone(),
            queue_arn: "arn:aws:sqs:us-east-1:000000000000:work".to_owned(),
            region: "us-east-1".to_owned(),
            batch_size,
            maximum_concurrency,
            reports_failures: true,
            function,
            sqs: self.sqs.clone(),
        }
    }

    async fn seen(&self, count: usize) -> Vec<Value> {
        self.function.records.subscribe().wait_for(|records| records.len() >= count).await.unwrap().clone()
    }

    /// Starts the mapping, waits for that many records and stops it; every invocation and deletion has ended then.
    async fn work(&self, records: usize) -> Vec<Value> {
        let (mapping, stop) = self.start(10, 4);
        let seen = self.seen(records).await;
        stop.send_replace(true);
        mapping.await.unwrap();
        seen
    }

    /// The bodies of the messages that are left, once all are visible again, sorted.
    async fn left(&self) -> Vec<String> {
        self.control.advance(VISIBILITY);
        let receive = self.sqs.receive_message().queue_url(&self.queue_url).max_number_of_messages(10);
        let received = receive.send().await.unwrap();
        let mut bodies: Vec<_> =
            received.messages().iter().map(|message| message.body().unwrap().to_owned()).collect();
        bodies.sort_unstable();
        bodies
    }
}

#[tokio::test]
async fn what_succeeded_is_deleted_and_nothing_is_left() {
    let world = World::new(Ok(json!({"batchItemFailures": []})), &["a", "b", "c"]).await;
    let records = world.work(3).await;
    assert_eq!(records[0]["eventSourceARN"], "arn:aws:sqs:us-east-1:000000000000:work");
    assert_eq!(records[0]["attributes"]["ApproximateReceiveCount"], "1");
    assert!(world.left().await.is_empty());
}

#[tokio::test]
async fn an_id_that_names_no_message_leaves_the_whole_batch() {
    let world =
        World::new(Ok(json!({"batchItemFailures": [{"itemIdentifier": "nobody"}]})), &["a", "b"]).await;
    world.work(2).await;
    assert_eq!(world.left().await, ["a", "b"]);
}

#[tokio::test]
async fn a_function_that_failed_leaves_the_whole_batch() {
    for error in [
        InvokeError::Failed { kind: "Error".to_owned(), message: "no table".to_owned() },
        InvokeError::Crashed("signal: 9".to_owned()),
        InvokeError::TimedOut,
        InvokeError::Throttled,
    ] {
        let world = World::new(Err(error.clone()), &["a", "b"]).await;
        world.work(2).await;
        assert_eq!(world.left().await, ["a", "b"], "{error}");
    }
}

#[tokio::test]
async fn a_batch_that_failed_comes_back_when_it_is_visible_again() {
    let world = World::new(Err(InvokeError::TimedOut), &["a"]).await;
    let (mapping, stop) = world.start(10, 4);
    world.seen(1).await;
    world.control.advance(VISIBILITY);
    let records = world.seen(2).await;
    assert_eq!(records[1]["messageId"], records[0]["messageId"]);
    assert_eq!(records[1]["attributes"]["ApproximateReceiveCount"], "2");
    stop.send_replace(true);
    mapping.await.unwrap();
}

#[tokio::test]
async fn no_more_than_the_maximum_run_at_a_time() {
    let world = World::new(Ok(Value::Null), &["a", "b", "c", "d", "e", "f"]).await;
    world.function.leave.forget_permits(Semaphore::MAX_PERMITS);
    let (mapping, stop) = world.start(1, 2);
    world.function.running.subscribe().wait_for(|(now, _)| *now == 2).await.unwrap();
    world.function.leave.add_permits(6);
    world.seen(6).await;
    stop.send_replace(true);
    mapping.await.unwrap();
    assert_eq!(*world.function.running.borrow(), (0, 2));
    assert!(world.left().await.is_empty());
}

#[tokio::test]
async fn stopping_waits_for_what_is_running() {
    let world = World::new(Ok(Value::Null), &["a"]).await;
    world.function.leave.forget_permits(Semaphore::MAX_PERMITS);
    let (mapping, stop) = world.start(10, 2);
    world.seen(1).await;
    stop.send_replace(true);
    world.function.leave.add_permits(1);
    mapping.await.unwrap();
    assert!(world.left().await.is_empty());
}

#[tokio::test]
async fn a_chain_is_stopped_after_sixteen_appearances_unless_the_template_allows_it() {
    for (allows_loops, receives) in [(false, 17), (true, 20)] {
        let world = World::new(Ok(Value::Null), &["first"]).await;
        let loops = Arc::new(Loops { sqs: world.sqs.clone(), queue_url: world.queue_url.clone() });
        let mapping = world.mapping(loops, allows_loops, 10, 1);
        let mut steps = 0;
        while steps < 20 && mapping.step().await > 0 {
            steps += 1;
        }
        // The seventeenth is received and refused, and stays in the queue until its receives are used up.
        assert_eq!(steps, receives);
        assert_eq!(world.left().await, ["again"]);
    }
}
