//! Measures the release builds of the functions, and of one that does nothing: their size, and the time from `exec` to
//! the first request for an invocation, which is the part of a cold start that is ours.
//!
//! ```sh
//! cargo build --release -p ingest -p dispatch -p query -p destinations -p startup
//! target/release/startup                       # these builds
//! target/release/startup DIRECTORY…            # builds in these directories, in turn with each other
//! ```
//!
//! Prints a table, and the figures as a line of JSON.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot continue has failed, and it prints its figures"
)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::json;

/// The function that does nothing comes first: it is the floor.
const FUNCTIONS: [&str; 5] = ["empty", "dispatch", "ingest", "destinations", "query"];

/// Starts of each build.
const RUNS: usize = 41;

/// How long a function may take to ask for its first invocation.
const LIMIT: Duration = Duration::from_secs(10);

/// What the functions read, apart from what Lambda sets. Nothing is called before the first invocation.
const ENVIRONMENT: [(&str, &str); 22] = [
    ("AWS_ACCESS_KEY_ID", "key"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_SESSION_TOKEN", "token"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_LAMBDA_FUNCTION_NAME", "startup"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
    ("CONVERSATIONS_TABLE", "conversations"),
    ("DESTINATIONS_TABLE", "destinations"),
    ("DELIVERY_LOG_TABLE", "delivery-log"),
    ("EVENTS_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/0/events"),
    ("DELIVERIES_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/0/deliveries"),
    ("DEAD_LETTERS_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/0/dead-letters"),
    ("SECRETS_KEY_ARN", "arn:aws:kms:eu-central-1:0:key/0"),
    ("PUBLIC_URL", "https://hooks.example.com"),
    ("DELIVERY_RETENTION_DAYS", "30"),
    ("CONVERSATION_RETENTION_DAYS", "30"),
    ("API_RATE_LIMIT", "1000"),
    ("DELIVERY_RATE_LIMIT", "0"),
    ("DISABLE_AFTER_HOURS", "0"),
    ("SETTLE_SECONDS", "10"),
    ("FUNCTION_TIMEOUT_SECONDS", "30"),
];

/// One build of one function.
struct Build {
    program: PathBuf,
    waits: Vec<Duration>,
    cpu: Vec<Duration>,
}

impl Build {
    /// Starts it and waits until it asks for an invocation.
    fn start(&mut self) {
        let api = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = api.local_addr().unwrap().to_string();
        let (asks, asked) = mpsc::channel();
        std::thread::spawn(move || {
            let mut connection = BufReader::new(api.accept().unwrap().0);
            let mut request = String::new();
            connection.read_line(&mut request).unwrap();
            asks.send((Instant::now(), request, connection))
        });
        let start = Instant::now();
        let mut process = Command::new(&self.program)
            .env_clear()
            .envs(ENVIRONMENT)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let asked = asked.recv_timeout(LIMIT);
        let cpu = cpu(process.id());
        process.kill().unwrap();
        process.wait().unwrap();
        let (at, request, _connection) = asked.expect("it asks for an invocation");
        assert!(request.starts_with("GET /2018-06-01/runtime/invocation/next "), "{request}");
        self.waits.push(at - start);
        self.cpu.push(cpu);
    }

    fn bytes(&self) -> u64 {
        self.program.metadata().unwrap().len()
    }
}

/// The time that a process's first thread has been on a CPU: unlike the time it took, the same on a busy machine.
fn cpu(process: u32) -> Duration {
    let schedstat = std::fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap();
    Duration::from_nanos(schedstat.split(' ').next().unwrap().parse().unwrap())
}

/// The median, in milliseconds.
fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn main() {
    let mut directories: Vec<_> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if directories.is_empty() {
        directories.push(std::env::current_exe().unwrap().parent().unwrap().to_owned());
    }
    let builds = directories.iter().flat_map(|directory| FUNCTIONS.map(|name| directory.join(name)));
    let mut builds: Vec<_> = builds
        .filter(|program| program.exists())
        .map(|program| Build { program, waits: Vec::new(), cpu: Vec::new() })
        .collect();
    // In turn, so that what else the machine does affects all alike.
    for _ in 0..RUNS {
        builds.iter_mut().for_each(Build::start);
    }
    let empty = builds.iter().find(|build| build.program.ends_with("empty"));
    let empty = empty.expect("one directory has the function that does nothing");
    println!("{:>10}  {:>16}  {:>16}  build", "bytes", "first poll, ms", "CPU time, ms");
    let mut figures = Vec::new();
    for build in &builds {
        let (bytes, waits, cpu) = (build.bytes(), median(&build.waits), median(&build.cpu));
        let (times_waits, times_cpu) = (waits / median(&empty.waits), cpu / median(&empty.cpu));
        let name = build.program.display();
        println!("{bytes:>10}  {waits:>8.2} × {times_waits:>5.2}  {cpu:>8.2} × {times_cpu:>5.2}  {name}");
        figures.push(json!({"build": build.program, "bytes": bytes, "first_poll_ms": waits, "cpu_ms": cpu}));
    }
    println!("{}", json!({"runs": RUNS, "builds": figures}));
}
