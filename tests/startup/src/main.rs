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
use std::time::{Duration, Instant};

use serde_json::json;

/// The function that does nothing comes first: it is the floor.
const FUNCTIONS: [&str; 5] = ["empty", "dispatch", "ingest", "destinations", "query"];

/// Starts of each build.
const RUNS: usize = 41;

/// How long a function may take to ask for its first invocation.
const LIMIT: Duration = Duration::from_secs(10);

/// What the functions read, apart from what Lambda sets. Nothing is called before the first invocation.
const ENVIRONMENT: [(&str, &str); 18] = [
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
    ("SETTLE_SECONDS", "10"),
    ("FUNCTION_TIMEOUT_SECONDS", "30"),
];

/// One build of one function.
struct Build {
    program: PathBuf,
    starts: Vec<Duration>,
}

impl Build {
    /// Starts it and waits until it asks for an invocation.
    fn start(&mut self) {
        let api = TcpListener::bind("127.0.0.1:0").unwrap();
        let start = Instant::now();
        let mut process = Command::new(&self.program)
            .env_clear()
            .envs(ENVIRONMENT)
            .envs([("API_RATE_LIMIT", "1000"), ("DELIVERY_RATE_LIMIT", "0")])
            .env("AWS_LAMBDA_RUNTIME_API", api.local_addr().unwrap().to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("the functions are built: see the top of tests/startup/src/main.rs");
        let mut connection = BufReader::new(api.accept().unwrap().0);
        connection.get_ref().set_read_timeout(Some(LIMIT)).unwrap();
        let mut request = String::new();
        connection.read_line(&mut request).unwrap();
        let took = start.elapsed();
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(request.starts_with("GET /2018-06-01/runtime/invocation/next "), "{request}");
        self.starts.push(took);
    }

    fn median(&self) -> Duration {
        let mut starts = self.starts.clone();
        starts.sort();
        starts[starts.len() / 2]
    }

    fn bytes(&self) -> u64 {
        self.program.metadata().unwrap().len()
    }
}

fn main() {
    let mut directories: Vec<_> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if directories.is_empty() {
        directories.push(std::env::current_exe().unwrap().parent().unwrap().to_owned());
    }
    let builds = directories.iter().flat_map(|directory| FUNCTIONS.map(|name| directory.join(name)));
    let mut builds: Vec<_> = builds
        .filter(|program| program.exists())
        .map(|program| Build { program, starts: Vec::new() })
        .collect();
    // In turn, so that what else the machine does affects all alike.
    for _ in 0..RUNS {
        builds.iter_mut().for_each(Build::start);
    }
    let empty = builds.iter().find(|build| build.program.ends_with("empty")).map(Build::median);
    let empty = empty.expect("one directory has the function that does nothing");
    println!("{:>10}  {:>8}  {:>5}  build", "bytes", "first poll", "ratio");
    let mut figures = Vec::new();
    for build in &builds {
        let (bytes, median) = (build.bytes(), build.median());
        let ratio = median.as_secs_f64() / empty.as_secs_f64();
        let milliseconds = median.as_secs_f64() * 1000.0;
        println!("{bytes:>10}  {milliseconds:>7.2} ms  {ratio:>5.2}  {}", build.program.display());
        figures.push(
            json!({"build": build.program, "bytes": bytes, "first_poll_ms": milliseconds, "ratio": ratio}),
        );
    }
    println!("{}", json!({"runs": RUNS, "builds": figures}));
}
