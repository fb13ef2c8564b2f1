//! Processes with the real runtime: this test binary, started again as a `bootstrap`.

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

use super::*;
use crate::clock::ClockControl;
use crate::lambda::function::{Deployed, Running};
use crate::lambda::in_process::BoxError;

const START_MS: u64 = 1_700_000_000_000;
const TIMEOUT: Duration = Duration::from_secs(30);

/// Not a test: what the processes below run.
#[test]
#[ignore = "a Lambda function, which runs until it is killed"]
fn bootstrap() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(lambda_runtime::run(service_fn(handle))).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "the trace that the runtime was started for")]
async fn handle(event: LambdaEvent<Value>) -> Result<Value, BoxError> {
    match event.payload["do"].as_str() {
        Some("fail") => Err("no such table".into()),
        Some("exit") => std::process::exit(3),
        Some("hang") => std::future::pending().await,
        Some("trace") => Ok(std::env::var("_X_AMZN_TRACE_ID").unwrap().into()),
        _ => Ok(json!({ "pid": std::process::id(), "deadline": event.context.deadline })),
    }
}

struct World {
    function: Deployed,
    control: ClockControl,
}

fn this_test_as(binary: PathBuf) -> Bootstrap {
    let (_, name) = concat!(module_path!(), "::bootstrap").split_once("::").unwrap();
    Bootstrap {
        name: "Dispatch".to_owned(),
        arn: "arn:aws:lambda:us-east-1:000000000000:function:Dispatch".to_owned(),
        binary,
        arguments: ["--exact", name, "--ignored", "--nocapture"].map(str::to_owned).to_vec(),
        memory_mib: 512,
        environment: BTreeMap::new(),
        log: None,
    }
}

fn world() -> World {
    let (clock, control) = Clock::manual(START_MS);
    let bootstrap = this_test_as(std::env::current_exe().unwrap());
    let processes = Processes::new(bootstrap, 1, clock.clone());
    World {
        function: Deployed {
            name: "Dispatch".to_owned(),
            allows_loops: false,
            function: Arc::new(processes),
            timeout: TIMEOUT,
            clock,
            asynchronous: None,
            running: Running::default(),
        },
        control,
    }
}

impl World {
    async fn invoke(&self, what: &str) -> Result<Value, InvokeError> {
        let payload = Bytes::from(json!({ "do": what }).to_string());
        self.function.invoke(payload).await.map(|answer| serde_json::from_slice(&answer).unwrap())
    }

    async fn pid(&self) -> u64 {
        self.invoke("answer").await.unwrap()["pid"].as_u64().unwrap()
    }
}

#[tokio::test]
async fn a_process_is_told_its_deadline_and_kept_for_the_next_invocation() {
    let world = world();
    assert_eq!(world.invoke("answer").await.unwrap()["deadline"], START_MS + 30_000);
    let pid = world.pid().await;
    let error = world.invoke("fail").await.unwrap_err();
    assert!(matches!(&error, InvokeError::Failed { message, .. } if message == "no such table"), "{error}");
    assert_eq!(world.pid().await, pid, "an error leaves the process");
}

#[tokio::test]
async fn a_process_finds_its_trace_where_the_sdk_looks_for_it() {
    let trace = world().invoke("trace").await.unwrap();
    assert!(trace.as_str().unwrap().ends_with(";Lineage=Dispatch:1"), "{trace}");
}

#[tokio::test]
async fn a_process_that_died_is_replaced() {
    let world = world();
    let pid = world.pid().await;
    let error = world.invoke("exit").await.unwrap_err();
    assert_eq!(error, InvokeError::Crashed("the process ended: exit status: 3".to_owned()));
    assert_ne!(world.pid().await, pid);
}

#[tokio::test]
async fn a_process_that_hangs_is_killed_at_its_deadline() {
    let world = world();
    let pid = world.pid().await;
    let (hanging, ()) = tokio::join!(world.invoke("hang"), async { world.control.advance(TIMEOUT) });
    assert_eq!(hanging, Err(InvokeError::TimedOut));
    assert_ne!(world.pid().await, pid);
}

#[tokio::test]
async fn more_at_a_time_than_reserved_are_throttled() {
    let world = world();
    let (hanging, throttled) = tokio::join!(world.invoke("hang"), async {
        let refused = world.invoke("answer").await;
        world.control.advance(TIMEOUT);
        refused
    });
    assert_eq!((hanging, throttled), (Err(InvokeError::TimedOut), Err(InvokeError::Throttled)));
}

#[tokio::test]
async fn a_binary_that_is_not_there_is_named() {
    let (clock, _control) = Clock::manual(START_MS);
    let processes = Processes::new(this_test_as("/nowhere/bootstrap".into()), 1, clock);
    let error = processes.invoke(Bytes::new(), START_MS + 1).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/bootstrap"), "{error}");
}
