//! The stack under test, and its customers.

mod customer;
mod wait;

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use local::clock::{Clock, ClockControl};
use local::functions::RunMode;
use local::stack::{Calls, Options, Stack};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::net::UdpSocket;
use tokio::sync::OnceCell;

pub(crate) use self::customer::{Customer, client, text, token_of};
pub(crate) use self::wait::eventually;
use crate::tools;

/// The start of clocks that tests move by hand: 2026-09-01T10:00:00Z.
pub(crate) const MORNING_MS: u64 = 1_788_256_800_000;

/// The queues, in the order in which an event passes through them.
const QUEUES: [&str; 3] = ["EventsQueue", "DeliveriesQueue", "DeadLettersQueue"];

/// Messages that wait or are in progress.
const MOVING: [QueueAttributeName; 2] = [
    QueueAttributeName::ApproximateNumberOfMessages,
    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
];

/// The whole system, in memory.
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) http: Client,
    clock: Clock,
}

impl World {
    /// Starts a world on the machine's clock.
    pub(crate) async fn start() -> Self {
        Self::with(options(Clock::system())).await
    }

    /// Starts a world whose clock stands still until the test moves it.
    pub(crate) async fn by_hand() -> (Self, ClockControl) {
        Self::by_hand_as(&[]).await
    }

    /// Starts a world like [`Self::by_hand`], with parameters of the template set.
    pub(crate) async fn by_hand_as(parameters: &[(&str, &str)]) -> (Self, ClockControl) {
        let (clock, hand) = Clock::manual(MORNING_MS);
        (Self::with(options_with(clock, parameters)).await, hand)
    }

    /// Starts a world with these options.
    pub(crate) async fn with(options: Options) -> Self {
        let clock = options.clock.clone();
        Self { stack: Stack::start(options).await.unwrap(), http: client(), clock }
    }

    /// Starts a world whose API has this public URL.
    pub(crate) async fn start_at(public_url: &str) -> Self {
        Self::start_as(&[("PublicUrl", public_url)]).await
    }

    /// Starts a world with parameters of the template set.
    pub(crate) async fn start_as(parameters: &[(&str, &str)]) -> Self {
        Self::with(options_with(Clock::system(), parameters)).await
    }

    /// The time on the stack's clock.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Invokes a function without waiting for its answer, as a bus or a schedule does.
    pub(crate) async fn invoke_async(&self, function: &str, event: &Value) -> StatusCode {
        let request = self
            .http
            .post(self.stack.invoke_url(function))
            .header("x-amz-invocation-type", "Event")
            .body(event.to_string());
        request.send().await.unwrap().status()
    }

    /// Sets a destination's URL in the table, bypassing the check at registration.
    pub(crate) async fn force_url(&self, customer: &Customer, destination: &str, url: &str) {
        let key = [customer.account_id.as_str(), &format!("destination#{destination}")];
        self.force("DestinationsTable", key, "url", AttributeValue::S(url.to_owned())).await;
    }

    /// Sets an attribute of a row, bypassing all rules.
    pub(crate) async fn force(&self, table: &str, [pk, sk]: [&str; 2], name: &str, value: AttributeValue) {
        let update = self.stack.clients.dynamodb.update_item();
        update
            .table_name(&self.stack.resources.tables[table])
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .update_expression("SET #name = :value")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", value)
            .send()
            .await
            .unwrap();
    }

    /// Receives up to ten messages from a queue, as JSON.
    pub(crate) async fn read(&self, queue: &str) -> Vec<Value> {
        let url = &self.stack.resources.queues[queue].url;
        let received = self.stack.clients.sqs.receive_message().queue_url(url).max_number_of_messages(10);
        let messages = received.send().await.unwrap().messages.unwrap_or_default();
        messages.iter().map(|message| serde_json::from_str(message.body().unwrap()).unwrap()).collect()
    }

    /// The number of messages in a queue: waiting, in progress or waiting for their retry, and delayed.
    pub(crate) async fn messages_in(&self, queue: &str) -> u64 {
        use QueueAttributeName::{
            ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed,
            ApproximateNumberOfMessagesNotVisible,
        };
        let all = [
            ApproximateNumberOfMessages,
            ApproximateNumberOfMessagesNotVisible,
            ApproximateNumberOfMessagesDelayed,
        ];
        self.count(queue, &all).await
    }

    async fn count(&self, queue: &str, attributes: &[QueueAttributeName]) -> u64 {
        let url = &self.stack.resources.queues[queue].url;
        let request = self.stack.clients.sqs.get_queue_attributes().queue_url(url);
        let answer = request.set_attribute_names(Some(attributes.to_vec())).send().await.unwrap();
        answer.attributes.unwrap().values().map(|count| count.parse::<u64>().unwrap()).sum()
    }

    /// Waits until all queues are empty, for as long as the number of messages decreases. What is delayed about an end does
    /// not count: it is there for a crash of its sender.
    pub(crate) async fn quiet(&self) {
        for queue in QUEUES {
            let mut left = u64::MAX;
            let messages = async || match queue {
                "EventsQueue" => self.count(queue, &MOVING).await,
                _ => self.messages_in(queue).await,
            };
            while left > 0 {
                let fewer = async || Some(messages().await).filter(|now| *now < left);
                left = eventually(&format!("fewer messages in {queue} than {left}"), fewer).await;
            }
        }
    }

    /// Waits until all queues are empty, while a clock moved by hand advances in real time.
    pub(crate) async fn quiet_in_time(&self, hand: &ClockControl) {
        let tick = Duration::from_millis(100);
        let mut ticks = tokio::time::interval(tick);
        let goes_on = async {
            loop {
                ticks.tick().await;
                hand.advance(tick);
            }
        };
        tokio::select! {
            () = self.quiet() => {}
            () = goes_on => {}
        }
    }

    /// Waits until no function runs.
    pub(crate) async fn idle(&self) {
        eventually("idle functions", async || self.stack.is_idle().then_some(())).await;
    }

    /// Moves a clock forward once no function runs: an invocation that has logged its attempt has yet to hide the message
    /// until the next one, by the clock, and would be killed if its deadline passed.
    pub(crate) async fn advance(&self, hand: &ClockControl, by: Duration) {
        self.idle().await;
        hand.advance(by);
    }

    /// Waits until only delayed messages are left. Does not return while a message waits for its retry.
    pub(crate) async fn at_rest(&self) {
        for queue in QUEUES {
            let rests = async || (self.count(queue, &MOVING).await == 0).then_some(());
            eventually(&format!("{queue} at rest"), rests).await;
        }
    }

    /// Creates a customer.
    pub(crate) async fn customer(&self, name: &str) -> Customer {
        let (account_id, key) = self.stack.create_account(name).await.unwrap();
        Customer::of(account_id, key, self.stack.url(""), self.http.clone())
    }
}

/// The options of a stack in memory, on free ports, with functions in this process.
pub(crate) fn options(clock: Clock) -> Options {
    options_with(clock, &[])
}

/// The same options with parameters of the template set.
fn options_with(clock: Clock, parameters: &[(&str, &str)]) -> Options {
    // Tests poll the API, and on a clock that stands still the window of a rate limit never ends. What a provider reports is
    // waited with only where a test says so.
    let usual = [("ApiRateLimit", "0"), ("SettleSeconds", "0")];
    let parameters = usual.iter().chain(parameters);
    let parameters = parameters.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Options {
        data: None,
        ports: [0; 3],
        clock,
        run_mode: RunMode::InProcess,
        calls: Calls::OverSockets,
        parameters,
        invokes: true,
    }
}

/// The folder with this workspace's programs, built on the first call: these tests link only the libraries.
pub(crate) async fn binaries() -> &'static Path {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    BUILT
        .get_or_init(async || {
            let build = ["build", "--quiet", "--workspace", "--bins"];
            assert!(tools::builder(env!("CARGO")).args(build).status().await.unwrap().success());
            // target/debug/deps/it-… → target/debug
            std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned()
        })
        .await
}

/// The address from which this machine would reach the internet. Looking it up sends no packet, and packets to it stay
/// on the machine.
pub(crate) async fn own_address() -> Option<String> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).await.unwrap();
    let routed = socket.connect(("198.51.100.1", 9)).await;
    let address = routed.and_then(|()| socket.local_addr()).ok()?.ip();
    (!address.is_loopback()).then(|| address.to_string())
}
