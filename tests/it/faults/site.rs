//! A system whose messages the test itself delivers, with proxies for its tables, its queues and KMS, and a receiver.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapters::sender::CertificateDer;
use aws_sdk_sqs::types::QueueAttributeName;
use checker::history::Request;
use domain::shared::ids::{DeliveryId, DestinationId, EventId};
use local::certificates::Authority;
use local::clock::{Clock, ClockControl};
use local::endpoints::clients;
use local::functions::{Egress, Launcher, RunMode};
use local::lambda::function::{Deployed, Function, Functions, Running};
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

/// Confidential texts in every conversation record: only destinations may see them.
pub(super) const CANARIES: [&str; 2] = ["+15550188266", "canary: the door code is 9313"];

/// The system, with one customer.
pub(super) struct Site {
    pub(super) world: World,
    pub(super) customer: Customer,
    pub(super) receiver: Receiver,
    pub(super) tables: Proxy,
    pub(super) queues: Proxy,
    pub(super) keys: Proxy,
    pub(super) clock: Clock,
    /// The requests from before the receiver was restarted.
    pub(super) earlier: Vec<Received>,
    /// Destinations by their path at the receiver.
    pub(super) destinations: Mutex<BTreeMap<String, DestinationId>>,
    pub(super) expected: Mutex<BTreeSet<DeliveryId>>,
    /// The requests that receivers other than this one have seen.
    pub(super) seen: Mutex<Vec<Request>>,
    /// The secrets that requests are signed with, which nobody may read.
    pub(super) secrets: Mutex<Vec<String>>,
    pub(super) workers: Mutex<Vec<Arc<Worker>>>,
    log_directory: TempDir,
    authority: Authority,
    host: String,
    template: Template,
}

impl Site {
    /// Starts a site whose functions run in this process and whose clock stands still until the test moves it.
    pub(super) async fn by_hand() -> (Self, ClockControl) {
        let (clock, hand) = Clock::manual(MORNING_MS);
        (Self::start(clock, "127.0.0.1", RunMode::InProcess).await, hand)
    }

    /// Starts a site whose functions run in this process, on the machine's clock.
    pub(super) async fn in_process() -> Self {
        Self::start(Clock::system(), "127.0.0.1", RunMode::InProcess).await
    }

    /// Starts a site whose functions are the deployed binaries; destinations have this machine's own address, which the
    /// operator allows. What an invocation leaves undone comes back after a second.
    pub(super) async fn of_processes() -> Option<Self> {
        let Some(address) = own_address().await else {
            tools::missing("an address besides loopback");
            return None;
        };
        let run_mode = RunMode::AsProcesses {
            directory: binaries().await.to_owned(),
            egress: Egress::PublicOnly,
            log: None,
        };
        let site = Self::start(Clock::system(), &address, run_mode).await;
        for queue in [EVENTS, DELIVERIES, DEAD_LETTERS] {
            let change = site.world.stack.clients.sqs.set_queue_attributes().queue_url(site.queue_url(queue));
            change.attributes(QueueAttributeName::VisibilityTimeout, "1").send().await.unwrap();
        }
        Some(site)
    }

    async fn start(clock: Clock, host: &str, run_mode: RunMode) -> Self {
        log::captured();
        let authority = Authority::new().unwrap();
        let receiver = receive(&authority, host, 0, &clock).await;
        let mut parameters = Parameters::new();
        if let RunMode::AsProcesses { .. } = run_mode {
            parameters.insert("AllowedNetworks".to_owned(), format!("{host}/32"));
            parameters.insert("TrustedCertificate".to_owned(), authority.certificate_base64().unwrap());
        }
        let template = Template::read(&parameters).unwrap();
        let mut options = Options { run_mode, invokes: false, ..options(clock.clone()) };
        options.parameters.extend(parameters);
        let world = World::with(options).await;
        let customer = world.customer("Acme").await;
        let endpoint = |service| world.stack.environment[&format!("AWS_ENDPOINT_URL_{service}")].clone();
        Self {
            tables: Proxy::start(endpoint("DYNAMODB")).await,
            queues: Proxy::start(endpoint("SQS")).await,
            keys: Proxy::start(endpoint("KMS")).await,
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

    /// The file with the workers' log.
    pub(super) fn log_file(&self) -> PathBuf {
        self.log_directory.path().join("log")
    }

    /// The functions' variables, which lead to the proxies.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = self.world.stack.environment.clone();
        for (service, proxy) in [("DYNAMODB", &self.tables), ("SQS", &self.queues), ("KMS", &self.keys)] {
            variables.insert(format!("AWS_ENDPOINT_URL_{service}"), proxy.url().to_owned());
        }
        variables
    }

    /// Dispatch in this process, behind the proxies.
    pub(super) async fn dispatch(&self) -> Deployed {
        self.functions().await["Dispatch"].clone()
    }

    /// The same with a limit of deliveries to one destination in ten seconds.
    pub(super) async fn dispatch_with_limit(&self, deliveries: u32) -> Deployed {
        let parameters = Parameters::from([("DeliveryRateLimit".to_owned(), deliveries.to_string())]);
        self.functions_of(&Template::read(&parameters).unwrap())["Dispatch"].clone()
    }

    /// All functions in this process, behind the proxies.
    pub(super) async fn functions(&self) -> Functions {
        self.functions_of(&self.template)
    }

    fn functions_of(&self, template: &Template) -> Functions {
        let launcher = Launcher {
            template,
            resources: &self.world.stack.resources,
            clients: &clients(&adapters::aws::config(self.variables()).unwrap()),
            endpoints: self.variables(),
            authority: &self.authority,
            clock: &self.clock,
        };
        launcher.launch(&RunMode::InProcess).unwrap()
    }

    /// Wraps a function to be used as Dispatch, with a timeout.
    pub(super) fn deployed(&self, function: Arc<dyn Function>, timeout: Duration) -> Deployed {
        let allows_loops = self.template.function("Dispatch").unwrap().allows_loops;
        Deployed {
            name: "Dispatch".to_owned(),
            allows_loops,
            function,
            timeout,
            clock: self.clock.clone(),
            asynchronous: None,
            running: Running::default(),
        }
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

    /// Sends a message to a queue, as an operator does, or as a second delivery.
    pub(super) async fn put(&self, queue: &str, body: &str) {
        let send = self.world.stack.clients.sqs.send_message().queue_url(self.queue_url(queue));
        send.message_body(body).send().await.unwrap();
    }

    /// Adds a destination at this path of the receiver; returns its id.
    pub(super) async fn destination(&self, path: &str) -> DestinationId {
        self.destination_with_secret(path).await.0
    }

    /// Adds a destination at this path of the receiver; returns its id and its signing secret.
    pub(super) async fn destination_with_secret(&self, path: &str) -> (DestinationId, String) {
        let (id, secret) = self.customer.add_destination(&self.receiver.url(path), "POST").await;
        let id = DestinationId::parse(id).unwrap();
        self.destinations.lock().unwrap().insert(path.to_owned(), id.clone());
        self.keep_secret(&secret);
        (id, secret)
    }

    /// Makes the checker look for a secret wherever people or programs can read.
    pub(super) fn keep_secret(&self, secret: &str) {
        self.secrets.lock().unwrap().push(secret.trim_start_matches("whsec_").to_owned());
    }

    /// Ends a conversation and expects a delivery to each destination.
    pub(super) async fn accept(&self, conversation: &str) -> EventId {
        self.accepted(conversation).await.expect("the end is accepted")
    }

    /// Like [`Self::accept`]; `None` if the system fails to accept it.
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
        // 202 for the call that ended it, 200 for a repeat.
        assert!(status.is_success(), "{accepted}");
        let event = EventId::parse(text(&accepted["event_id"])).unwrap();
        let destinations = self.destinations.lock().unwrap();
        let deliveries = destinations.values().map(|destination| DeliveryId::of(&event, destination));
        self.expected.lock().unwrap().extend(deliveries);
        Some(event)
    }

    /// The numbers of the attempts that the receiver saw at a path.
    pub(super) fn attempts_at(&self, path: &str) -> Vec<u8> {
        let received = self.earlier.iter().filter(|request| request.path == path).cloned();
        let received = received.chain(self.receiver.received(path));
        received.map(|request| attempt(&request)).collect()
    }

    /// The certificate of the receiver's authority.
    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.authority.certificate().unwrap()
    }

    /// Restarts the receiver, which closes its connections.
    pub(super) async fn restart_receiver(&mut self) {
        let port = url::Url::parse(&self.receiver.url("/")).unwrap().port().unwrap();
        self.earlier.extend(self.receiver.all());
        self.receiver.stop().await;
        self.receiver = receive(&self.authority, &self.host, port, &self.clock).await;
    }
}

/// The attempt's number in the request's header.
pub(super) fn attempt(request: &Received) -> u8 {
    request.headers["webhook-attempt"].to_str().unwrap().parse().unwrap()
}

async fn receive(authority: &Authority, host: &str, port: u16, clock: &Clock) -> Receiver {
    let listener = TcpListener::bind((host, port)).await.unwrap();
    let tls = authority.server_config_for(&[host, "localhost"]).unwrap();
    Receiver::start(listener, tls, clock.clone()).unwrap()
}
