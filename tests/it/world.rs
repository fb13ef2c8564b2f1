//! The stack under test, and customers with verbs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use local::clock::{Clock, Hand};
use local::functions::Runs;
use local::stack::{Options, Stack};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::sync::OnceCell;

use crate::described;
use crate::tools;

/// What takes longer than this does not happen: twice the longest wait, that for a schedule that comes once a minute.
const PATIENCE: Duration = Duration::from_secs(120);

/// A point in time to start a hand-driven clock from: 2026-09-01T10:00:00Z.
pub(crate) const MORNING_MS: u64 = 1_788_256_800_000;

/// In the order in which an event goes through them.
const QUEUES: [&str; 3] = ["EventsQueue", "DeliveriesQueue", "DeadLettersQueue"];

/// The whole system, in memory.
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) http: Client,
    clock: Clock,
}

impl World {
    /// With the machine's time.
    pub(crate) async fn start() -> Self {
        Self::with(options(Clock::system())).await
    }

    /// With a time that stands still until the hand moves it.
    pub(crate) async fn by_hand() -> (Self, Hand) {
        Self::by_hand_as(&[]).await
    }

    /// The same with parameters of the template that are not at their defaults.
    pub(crate) async fn by_hand_as(parameters: &[(&str, &str)]) -> (Self, Hand) {
        let (clock, hand) = Clock::manual(MORNING_MS);
        (Self::with(options_with(clock, parameters)).await, hand)
    }

    /// With other options.
    pub(crate) async fn with(options: Options) -> Self {
        let clock = options.clock.clone();
        Self { stack: Stack::start(options).await.unwrap(), http: client(), clock }
    }

    /// With an API that the world knows by this URL.
    pub(crate) async fn start_at(public_url: &str) -> Self {
        Self::start_as(&[("PublicUrl", public_url)]).await
    }

    /// With parameters of the template that are not at their defaults.
    pub(crate) async fn start_as(parameters: &[(&str, &str)]) -> Self {
        Self::with(options_with(Clock::system(), parameters)).await
    }

    /// What the stack's clock shows.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// One request to the API without a key.
    pub(crate) async fn post(&self, path: &str, body: String) -> StatusCode {
        self.http.post(self.stack.url(path)).body(body).send().await.unwrap().status()
    }

    /// Invokes a function as a bus or a schedule does, which waits for no answer.
    pub(crate) async fn invoke_async(&self, function: &str, event: &Value) -> StatusCode {
        let url = self.stack.url(&format!("/2015-03-31/functions/{function}/invocations"));
        let request = self.http.post(url).header("x-amz-invocation-type", "Event").body(event.to_string());
        request.send().await.unwrap().status()
    }

    /// Sets a destination's URL in the table, past the check at registration.
    pub(crate) async fn force_url(&self, customer: &Customer, destination: &str, url: &str) {
        let key = [customer.account_id.as_str(), &format!("destination#{destination}")];
        self.force("DestinationsTable", key, "url", AttributeValue::S(url.to_owned())).await;
    }

    /// Sets an attribute of a row, past all rules.
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

    /// What waits in a queue, up to ten messages, as JSON.
    pub(crate) async fn read(&self, queue: &str) -> Vec<Value> {
        let url = &self.stack.resources.queues[queue].url;
        let received = self.stack.clients.sqs.receive_message().queue_url(url).max_number_of_messages(10);
        let messages = received.send().await.unwrap().messages.unwrap_or_default();
        messages.iter().map(|message| serde_json::from_str(message.body().unwrap()).unwrap()).collect()
    }

    /// Messages in a queue: those that wait, those that are being worked on or wait for their retry, and those that were
    /// sent with a delay.
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

    /// Returns once nothing is left in any queue. It waits as long as the messages become fewer.
    pub(crate) async fn quiet(&self) {
        for queue in QUEUES {
            let mut left = u64::MAX;
            while left > 0 {
                let fewer = async || Some(self.messages_in(queue).await).filter(|now| *now < left);
                left = eventually(&format!("fewer messages in {queue} than {left}"), fewer).await;
            }
        }
    }

    /// The same while a clock that was set goes on like any other.
    pub(crate) async fn quiet_in_time(&self, hand: &Hand) {
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

    /// Returns once nothing is left to do before the clock moves, where nothing waits for a retry.
    pub(crate) async fn at_rest(&self) {
        let moving = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        for queue in QUEUES {
            let rests = async || (self.count(queue, &moving).await == 0).then_some(());
            eventually(&format!("{queue} at rest"), rests).await;
        }
    }

    /// A new customer.
    pub(crate) async fn customer(&self, name: &str) -> Customer {
        let (account_id, key) = self.stack.create_account(name).await.unwrap();
        Customer::of(account_id, key, self.stack.url(""), self.http.clone())
    }
}

/// In memory, on any ports, in this process.
pub(crate) fn options(clock: Clock) -> Options {
    options_with(clock, &[])
}

/// The same with parameters of the template that are not at their defaults.
fn options_with(clock: Clock, parameters: &[(&str, &str)]) -> Options {
    // Where a hand drives the clock no window ends, and a test asks again until it sees what it waits for.
    let unlimited = [("ApiRateLimit", "0")];
    let parameters = unlimited.iter().chain(parameters);
    let parameters = parameters.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Options { data: None, ports: [0, 0], clock, runs: Runs::InProcess, parameters, invokes: true }
}

/// Where cargo puts programs, with those of this workspace as new as these tests: they link the libraries only.
pub(crate) async fn binaries() -> &'static Path {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    BUILT
        .get_or_init(async || {
            let build = ["build", "--quiet", "--workspace", "--bins"];
            assert!(tools::cargo().args(build).status().await.unwrap().success());
            // target/debug/deps/it-… → target/debug
            std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned()
        })
        .await
}

/// The address by which this machine would reach the rest of the world. No packet is sent for it, and none leaves: what a
/// machine sends to its own address stays on it.
pub(crate) async fn own_address() -> Option<String> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).await.unwrap();
    let routed = socket.connect(("198.51.100.1", 9)).await;
    let address = routed.and_then(|()| socket.local_addr()).ok()?.ip();
    (!address.is_loopback()).then(|| address.to_string())
}

/// A client for the API, which is plain HTTP here.
pub(crate) fn client() -> Client {
    // Installed by whichever test comes first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

/// Someone with an account and a key.
pub(crate) struct Customer {
    pub(crate) account_id: String,
    pub(crate) key: String,
    base: String,
    http: Client,
}

impl Customer {
    /// Of an account, at any API.
    pub(crate) fn of(account_id: String, key: String, base: String, http: Client) -> Self {
        Self { account_id, key, base, http }
    }

    /// With a key of one's own making.
    pub(crate) fn with_key(base: String, key: String) -> Self {
        Self::of(String::new(), key, base, client())
    }

    /// The part of the key that a person recognises it by.
    pub(crate) fn key_id(&self) -> &str {
        self.key.rsplit_once('_').unwrap().0
    }

    /// One request to the API.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        self.send(method, path, body.map(ToString::to_string)).await
    }

    /// The same with a body that need not be JSON.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<String>) -> (StatusCode, Value) {
        let mut request =
            self.http.request(method, format!("{}{path}", self.base)).header("x-api-key", &self.key);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        described::send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// Adds a destination: its id and its secret.
    pub(crate) async fn add_destination(&self, url: &str, request_type: &str) -> (String, String) {
        let body = json!({"name": request_type, "url": url, "request_type": request_type});
        let (status, made) = self.call(Method::POST, "/v1/destinations", Some(&body)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        (text(&made["id"]), text(&made["secret"]))
    }

    pub(crate) async fn change_destination(&self, id: &str, change: &Value) -> Value {
        let (status, body) = self.call(Method::PATCH, &format!("/v1/destinations/{id}"), Some(change)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// The platform tells of a conversation. The record.
    pub(crate) async fn put_conversation(&self, id: &str, change: &Value) -> Value {
        let (status, record) = self.call(Method::PUT, &format!("/v1/conversations/{id}"), Some(change)).await;
        assert_eq!(status, StatusCode::OK, "{record}");
        record
    }

    /// Sets what a provider signs its callbacks with.
    pub(crate) async fn set_provider(&self, provider: &str, secret: &str) {
        let body = json!({"secret": secret});
        let (status, set) = self.call(Method::PUT, &format!("/v1/providers/{provider}"), Some(&body)).await;
        assert_eq!(status, StatusCode::OK, "{set}");
    }

    /// A conversation ends. The event's id.
    pub(crate) async fn hang_up(&self, conversation: &str) -> String {
        self.try_to_hang_up(conversation).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, if the system has time for it, or its error.
    pub(crate) async fn try_to_hang_up(&self, conversation: &str) -> Result<String, Value> {
        let body = json!({"conversation_id": conversation, "conversation_status": "COMPLETED"});
        let (status, answer) = self.call(Method::POST, "/v1/flows/hangup", Some(&body)).await;
        if status.is_server_error() {
            return Err(answer);
        }
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        Ok(text(&answer["event_id"]))
    }

    /// The deliveries of a conversation.
    pub(crate) async fn deliveries_of(&self, conversation: &str) -> Vec<Value> {
        let page = self.get(&format!("/v1/deliveries?conversation_id={conversation}")).await;
        page["deliveries"].as_array().unwrap().clone()
    }

    /// The only delivery of a conversation with its attempts, once it is as asked for.
    pub(crate) async fn delivery(
        &self,
        conversation: &str,
        what: &str,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        eventually(&format!("a delivery of {conversation} that is {what}"), async || {
            let deliveries = self.deliveries_of(conversation).await;
            let [delivery] = &deliveries[..] else { return None };
            let delivery = self.get(&format!("/v1/deliveries/{}", text(&delivery["id"]))).await;
            is(&delivery).then_some(delivery)
        })
        .await
    }

    /// The same, once it has that status.
    pub(crate) async fn delivery_once(&self, conversation: &str, status: &str) -> Value {
        self.delivery(conversation, status, |delivery| delivery["status"] == status).await
    }

    /// The same, once so many of its attempts have ended.
    pub(crate) async fn delivery_after(&self, conversation: &str, attempts: usize) -> Value {
        self.delivery(conversation, &format!("past {attempts} attempts"), |delivery| {
            let log = delivery["attempt_log"].as_array().unwrap();
            log.iter().filter(|attempt| !attempt["outcome"].is_null()).count() == attempts
        })
        .await
    }
}

/// Looks again and again until there is something to see.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
