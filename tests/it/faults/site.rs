//! A system whose messages a test hands out by itself, with proxies before its tables and queues, and a receiver.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapters::sender::CertificateDer;
use aws_sdk_sqs::types::QueueAttributeName;
use checker::history::Request;
use domain::shared::ids::{DeliveryId, DestinationId, EventId};
use local::certificates::Authority;
use local::clock::{Clock, Hand};
use local::endpoints::clients;
use local::functions::{Launch, Reach, Runs};
use local::lambda::function::{Deployed, Function, Functions};
use local::lambda::mapping::Mapping;
use local::receiver::{Received, Receiver};
use local::stack::{Options, mappings};
use local::template::{Parameters, Template};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::proxy::Proxy;
use super::worker::Worker;
use crate::log;
use crate::tools;
use crate::world::{Customer, MORNING_MS, World, binaries, options, own_address, text};

pub(super) const EVENTS: &str = "EventsQueue";
pub(super) const DELIVERIES: &str = "DeliveriesQueue";
pub(super) const DEAD_LETTERS: &str = "DeadLettersQueue";

/// In every conversation record, and nobody's business but the destinations'.
pub(super) const CANARIES: [&str; 2] = ["+15550188266", "canary: the door code is 9313"];

/// The system, with one customer.
pub(super) struct Site {
    pub(super) world: World,
    pub(super) customer: Customer,
    pub(super) receiver: Receiver,
    pub(super) tables: Proxy,
    pub(super) queues: Proxy,
    pub(super) clock: Clock,
    /// Those of before the receiver was started anew.
    pub(super) earlier: Vec<Received>,
    /// Destinations by their path at the receiver.
    pub(super) destinations: Mutex<BTreeMap<String, DestinationId>>,
    pub(super) expected: Mutex<BTreeSet<DeliveryId>>,
    /// What other receivers than this one have seen.
    pub(super) seen: Mutex<Vec<Request>>,
    /// What nobody may read: the secrets that requests are signed with.
    pub(super) secrets: Mutex<Vec<String>>,
    pub(super) workers: Mutex<Vec<Arc<Worker>>>,
    log_directory: TempDir,
    authority: Authority,
    host: String,
    template: Template,
}

impl Site {
    /// Its functions run in this process, and its time stands still until the hand moves it.
    pub(super) async fn by_hand() -> (Self, Hand) {
        let (clock, hand) = Clock::manual(MORNING_MS);
        (Self::start(clock, "127.0.0.1", Runs::InProcess).await, hand)
    }

    /// The same with the machine's time.
    pub(super) async fn in_process() -> Self {
        Self::start(Clock::system(), "127.0.0.1", Runs::InProcess).await
    }

    /// Its functions are the binaries that are deployed; destinations have this machine's own address, which the
    /// operator allows. What an invocation leaves undone comes back after a second.
    pub(super) async fn of_processes() -> Option<Self> {
        let Some(address) = own_address().await else {
            tools::missing("an address besides loopback");
            return None;
        };
        let runs = Runs::AsProcesses { directory: binaries().await.to_owned(), reach: Reach::Public };
        let site = Self::start(Clock::system(), &address, runs).await;
        for queue in [EVENTS, DELIVERIES, DEAD_LETTERS] {
            let change = site.world.stack.clients.sqs.set_queue_attributes().queue_url(site.queue_url(queue));
            change.attributes(QueueAttributeName::VisibilityTimeout, "1").send().await.unwrap();
        }
        Some(site)
    }

    async fn start(clock: Clock, host: &str, runs: Runs) -> Self {
        log::captured();
        let authority = Authority::new().unwrap();
        let receiver = receive(&authority, host, 0, &clock).await;
        let mut parameters = Parameters::new();
        if let Runs::AsProcesses { .. } = runs {
            parameters.insert("AllowedNetworks".to_owned(), format!("{host}/32"));
            parameters.insert("TrustedCertificate".to_owned(), authority.certificate_base64().unwrap());
        }
        let template = Template::read(&parameters).unwrap();
        let mut options = Options { runs, invokes: false, ..options(clock.clone()) };
        options.parameters.extend(parameters);
        let world = World::with(options).await;
        let customer = world.customer("Acme").await;
        let endpoint = |service| world.stack.environment[&format!("AWS_ENDPOINT_URL_{service}")].clone();
        Self {
            tables: Proxy::start(endpoint("DYNAMODB")).await,
            queues: Proxy::start(endpoint("SQS")).await,
            world,
            customer,
            receiver,
            clock,
            earlier: Vec::new(),
            destinations: Mutex::default(),
            expected: Mutex::default(),
            seen: Mutex::default(),
            secrets: Mutex::default(),
            workers: Mutex::default(),
            log_directory: tempfile::tempdir().unwrap(),
            authority,
            host: host.to_owned(),
            template,
        }
    }

    /// What its workers log.
    pub(super) fn log_file(&self) -> PathBuf {
        self.log_directory.path().join("log")
    }

    /// The variables of the functions, by which they find the proxies.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = self.world.stack.environment.clone();
        for (service, proxy) in [("DYNAMODB", &self.tables), ("SQS", &self.queues)] {
            variables.insert(format!("AWS_ENDPOINT_URL_{service}"), proxy.url().to_owned());
        }
        variables
    }

    /// Dispatch in this process, behind the proxies.
    pub(super) async fn dispatch(&self) -> Deployed {
        self.functions().await["Dispatch"].clone()
    }

    /// All functions in this process, behind the proxies.
    pub(super) async fn functions(&self) -> Functions {
        let launch = Launch {
            template: &self.template,
            resources: &self.world.stack.resources,
            clients: &clients(&self.variables(), adapters::aws::loader()).await,
            endpoints: self.variables(),
            authority: &self.authority,
            clock: &self.clock,
        };
        launch.run(&Runs::InProcess).unwrap()
    }

    /// A function as Dispatch, with a timeout.
    pub(super) fn deployed(&self, function: Arc<dyn Function>, timeout: Duration) -> Deployed {
        Deployed { function, timeout, clock: self.clock.clone(), asynchronous: None }
    }

    /// The mapping that feeds a function from a queue, through the proxy.
    pub(super) async fn mapping(&self, queue: &str, dispatch: &Deployed) -> Mapping {
        let functions = Functions::from([("Dispatch".to_owned(), dispatch.clone())]);
        let mut clients = self.world.stack.clients.clone();
        let sqs = clients.sqs.config().to_builder().endpoint_url(self.queues.url());
        clients.sqs = aws_sdk_sqs::Client::from_conf(sqs.build());
        let all = mappings(&self.template, &self.world.stack.resources, &functions, &clients).unwrap();
        all.into_iter().find(|mapping| mapping.queue_url == self.queue_url(queue)).unwrap()
    }

    pub(super) fn queue_url(&self, queue: &str) -> &str {
        &self.world.stack.resources.queues[queue].url
    }

    /// Puts a message into a queue, as an operator or a queue that delivers twice does.
    pub(super) async fn put(&self, queue: &str, body: &str) {
        let send = self.world.stack.clients.sqs.send_message().queue_url(self.queue_url(queue));
        send.message_body(body).send().await.unwrap();
    }

    /// A destination at this path of the receiver. Its id.
    pub(super) async fn destination(&self, path: &str) -> DestinationId {
        self.destination_with_secret(path).await.0
    }

    /// The same with what its requests are signed with.
    pub(super) async fn destination_with_secret(&self, path: &str) -> (DestinationId, String) {
        let (id, secret) = self.customer.add_destination(&self.receiver.url(path), "POST").await;
        let id = DestinationId::parse(id).unwrap();
        self.destinations.lock().unwrap().insert(path.to_owned(), id.clone());
        self.keep_secret(&secret);
        (id, secret)
    }

    /// Has it looked for wherever people or programs can read.
    pub(super) fn keep_secret(&self, secret: &str) {
        self.secrets.lock().unwrap().push(secret.trim_start_matches("whsec_").to_owned());
    }

    /// A conversation ends, and a delivery to each destination is expected from then on.
    pub(super) async fn accept(&self, conversation: &str) -> EventId {
        self.accepted(conversation).await.expect("it is accepted")
    }

    /// The same, if the system has time for it.
    pub(super) async fn accepted(&self, conversation: &str) -> Option<EventId> {
        let [phone, line] = CANARIES;
        let record = json!({
            "conversation_id": conversation, "conversation_status": "COMPLETED", "to_mobile_number": phone,
            "conversation_transcript": [{"role": "user", "content": line}],
        });
        let (status, accepted) = self.customer.call(Method::POST, "/v1/flows/hangup", Some(&record)).await;
        if status.is_server_error() {
            return None;
        }
        // 202 is for the signal that ended it.
        assert!(status.is_success(), "{accepted}");
        let event = EventId::parse(text(&accepted["event_id"])).unwrap();
        let destinations = self.destinations.lock().unwrap();
        let deliveries = destinations.values().map(|destination| DeliveryId::of(&event, destination));
        self.expected.lock().unwrap().extend(deliveries);
        Some(event)
    }

    /// What the receiver saw at a path: the numbers of the attempts.
    pub(super) fn attempts_at(&self, path: &str) -> Vec<u8> {
        let received = self.earlier.iter().filter(|request| request.path == path).cloned();
        let received = received.chain(self.receiver.received(path));
        received.map(|request| attempt(&request)).collect()
    }

    /// Who vouches for the receiver.
    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.authority.certificate().unwrap()
    }

    /// The receiver's process ends, with its connections, and starts again.
    pub(super) async fn restart_receiver(&mut self) {
        let port = url::Url::parse(&self.receiver.url("/")).unwrap().port().unwrap();
        self.earlier.extend(self.receiver.all());
        self.receiver.stop().await;
        self.receiver = receive(&self.authority, &self.host, port, &self.clock).await;
    }
}

/// What its header says.
pub(super) fn attempt(request: &Received) -> u8 {
    request.headers["webhook-attempt"].to_str().unwrap().parse().unwrap()
}

async fn receive(authority: &Authority, host: &str, port: u16, clock: &Clock) -> Receiver {
    let listener = TcpListener::bind((host, port)).await.unwrap();
    let tls = authority.server_config_for(&[host, "localhost"]).unwrap();
    Receiver::start(listener, tls, clock.clone()).unwrap()
}
