//! The deployed `dispatch` beside a function that makes only the requests and a write for each: the first batch of ten in
//! a new process, and the CPU time of a delivery. First: `cargo build --release -p dispatch -p startup`; `DISPATCH` names
//! another build.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as Times};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use local::certificates::Authority;
use local::clock::Clock;
use local::functions::{Launcher, RunMode};
use local::lambda::function::{Deployed, Function, Functions, InvokeError};
use local::lambda::mapping::Mapping;
use local::lambda::process::{Bootstrap, Sandbox};
use local::receiver::Receiver;
use local::stack::{Options, mappings};
use local::template::{Parameters, Template};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::figures::Figures;
use crate::world::{Customer, World, options, own_address};

/// Messages of a batch.
const BATCH: usize = 10;

/// New processes of each function, of each of which the first batch is timed.
const PROCESSES: usize = 30;

/// Batches of one process of each function, whose CPU time is divided by their deliveries.
const BATCHES: usize = 200;

/// Batches of one function before it is the other's turn, so that what else the machine does affects both.
const TURN: usize = 10;

/// The kernel counts CPU time in hundredths of a second: `USER_HZ`.
const TICKS_PER_SECOND: u64 = 100;

/// A process of `dispatch` whose invocations are timed.
struct Process {
    sandbox: Mutex<Sandbox>,
    clock: Clock,
    times: Times<Vec<Duration>>,
}

impl Process {
    async fn start(bootstrap: &Bootstrap, clock: &Clock) -> Arc<Self> {
        let sandbox = Mutex::new(Sandbox::start(bootstrap).await.unwrap());
        Arc::new(Self { sandbox, clock: clock.clone(), times: Times::default() })
    }

    /// The CPU time that it has used.
    async fn cpu(&self) -> Duration {
        let id = self.sandbox.lock().await.id().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        // utime and stime are the 14th and 15th fields; the second is the program's name in parentheses.
        let after_name = stat.rsplit(')').next().unwrap();
        let ticks: u64 =
            after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
    }
}

impl Function for Process {
    fn invoke(&self, payload: Bytes, deadline_ms: u64) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let mut sandbox = self.sandbox.lock().await;
            let start = Instant::now();
            let answer = sandbox.invoke(payload, deadline_ms, &self.clock).await;
            self.times.lock().unwrap().push(start.elapsed());
            answer
        })
    }
}

/// A stack whose queue `deliveries` the benchmark hands out itself.
struct Bench {
    world: World,
    customer: Customer,
    template: Template,
    clock: Clock,
    /// Fans out, in this process.
    in_process: Deployed,
    sent: usize,
    receiver: Receiver,
}

impl Bench {
    async fn start() -> Self {
        let address = own_address().await.expect("an address besides loopback");
        let (authority, clock) = (Authority::new().unwrap(), Clock::system());
        let listener = TcpListener::bind((address.as_str(), 0)).await.unwrap();
        let tls = authority.server_config_for(&[address.as_str()]).unwrap();
        let receiver = Receiver::start(listener, tls, clock.clone()).unwrap();
        let parameters = Parameters::from([
            ("AllowedNetworks".to_owned(), format!("{address}/32")),
            ("TrustedCertificate".to_owned(), authority.certificate_base64().unwrap()),
        ]);
        let template = Template::read(&parameters).unwrap();
        let mut options = Options { invokes: false, run_mode: RunMode::InProcess, ..options(clock.clone()) };
        options.parameters.extend(parameters);
        let world = World::with(options).await;
        let customer = world.customer("Acme").await;
        customer.add_destination(&receiver.url("/hooks"), "POST").await;
        let launcher = Launcher {
            template: &template,
            resources: &world.stack.resources,
            clients: &world.stack.clients,
            endpoints: BTreeMap::new(),
            authority: &authority,
            clock: &clock,
        };
        let in_process = launcher.launch(&RunMode::InProcess).unwrap()["Dispatch"].clone();
        Self { world, customer, template, clock, in_process, sent: 0, receiver }
    }

    /// A release build as the deployed function.
    fn bootstrap(&self, binary: PathBuf) -> Bootstrap {
        let mut environment = self.world.stack.environment.clone();
        environment.insert("FLOOR_URL".to_owned(), self.receiver.url("/hooks"));
        Bootstrap {
            name: "Dispatch".to_owned(),
            arn: "arn:aws:lambda:us-east-1:000000000000:function:Dispatch".to_owned(),
            binary,
            arguments: Vec::new(),
            memory_mib: 512,
            environment,
            log: Some("/dev/null".into()),
        }
    }

    /// The mapping that feeds this function from a queue.
    fn mapping(&self, queue: &str, function: Deployed) -> Mapping {
        let functions = Functions::from([("Dispatch".to_owned(), function)]);
        let stack = &self.world.stack;
        let all = mappings(&self.template, &stack.resources, &functions, &stack.clients).unwrap();
        let url = &stack.resources.queues[queue].url;
        all.into_iter().find(|mapping| mapping.queue_url == *url).unwrap()
    }

    /// Hands ten deliveries to the process.
    async fn deliver(&mut self, process: &Arc<Process>) {
        for number in self.sent..self.sent + BATCH {
            self.customer.hang_up(&format!("c-{number}")).await;
        }
        self.sent += BATCH;
        let function: Arc<dyn Function> = process.clone();
        let deployed = Deployed { function, ..self.in_process.clone() };
        let events = self.mapping("EventsQueue", self.in_process.clone());
        let mut fanned_out = 0;
        while fanned_out < BATCH {
            fanned_out += events.step().await;
        }
        let delivered = self.mapping("DeliveriesQueue", deployed).step().await;
        assert_eq!(delivered, BATCH);
    }
}

/// A function, the times of its first batches, and the CPU time of all its batches.
struct Measured {
    bootstrap: Bootstrap,
    first: Vec<Duration>,
    cpu: Duration,
}

impl Measured {
    fn print(&self, name: &str, floor: &Self) {
        let (first, floor_first) = (Figures::of(&self.first), Figures::of(&floor.first));
        let each = |cpu| crate::figures::milliseconds(cpu) / (BATCHES * BATCH) as f64;
        println!(
            "{name:<9} first batch: p50 {:>6.2} ms × {:.2}, p99 {:>6.2} ms; CPU of a delivery: {:.3} ms × {:.2}",
            first.percentile(50),
            first.percentile(50) / floor_first.percentile(50),
            first.percentile(99),
            each(self.cpu),
            each(self.cpu) / each(floor.cpu),
        );
    }
}

pub(crate) async fn run() {
    let mut bench = Bench::start().await;
    let release = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("release");
    let dispatch = std::env::var_os("DISPATCH").map_or_else(|| release.join("dispatch"), PathBuf::from);
    let measured =
        |binary| Measured { bootstrap: bench.bootstrap(binary), first: Vec::new(), cpu: Duration::ZERO };
    let mut both = [measured(release.join("floor")), measured(dispatch)];
    for _ in 0..PROCESSES {
        for measured in &mut both {
            let process = Process::start(&measured.bootstrap, &bench.clock).await;
            bench.deliver(&process).await;
            measured.first.extend(process.times.lock().unwrap().iter().copied());
        }
    }
    let mut processes = Vec::new();
    for measured in &both {
        let process = Process::start(&measured.bootstrap, &bench.clock).await;
        bench.deliver(&process).await;
        processes.push(process);
    }
    for _ in 0..BATCHES / TURN {
        for (measured, process) in both.iter_mut().zip(&processes) {
            let before = process.cpu().await;
            for _ in 0..TURN {
                bench.deliver(process).await;
            }
            measured.cpu += process.cpu().await - before;
        }
    }
    let [floor, dispatch] = &both;
    floor.print("floor", floor);
    dispatch.print("dispatch", floor);
    bench.world.stack.stop().await;
}
