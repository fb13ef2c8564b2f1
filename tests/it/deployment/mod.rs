//! The system as deployed: the release binaries that `sam build` makes, the template as SAM expands it, and an AWS emulator other
//! than the local stack's. The emulator creates the stack with CloudFormation, runs the binaries as Lambda does, polls
//! the queues, and refuses what a function's role does not allow.
//!
//! Needs `sam`, cargo-lambda, and `python3` with `aws-sam-translator`, `boto3` and `ministack[full]`; without them it prints a
//! line and passes. [`emulator`] starts ministack, `stack.py` deploys to it and works around its gaps, and [`story`]
//! uses the stack.

mod emulator;
mod story;

use std::path::{Path, PathBuf};

use local::certificates::Authority;
use local::clock::Clock;
use local::receiver::Receiver;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

use self::emulator::Emulator;
use crate::tools;
use crate::world::{Customer, own_address, text};

/// The stack's name.
const STACK: &str = "ringback";

/// The URL that Twilio and Daily know. It must be https, which the emulator does not speak: callbacks are signed for
/// this URL and sent to the emulator.
const PUBLIC_URL: &str = "https://hooks.example.com";

/// The functions, as the template names them.
const FUNCTIONS: [&str; 5] = ["Dispatch", "Ingest", "Destinations", "Purge", "Query"];

/// The size that no function's binary may exceed: each megabyte is loaded at each cold start.
const MAX_BOOTSTRAP_BYTES: u64 = 6_300_000;

/// A running deployment and a receiver.
struct Deployment {
    emulator: Emulator,
    receiver: Receiver,
    /// The stack's outputs.
    outputs: Value,
    /// Resolves the API's host, which only the emulator knows.
    http: Client,
}

impl Deployment {
    /// Deploys the system; prints a line and returns `None` if a tool is missing.
    async fn start() -> Option<Self> {
        let python = "python3 with aws-sam-translator, boto3 and ministack[full]";
        let modules = ["-c", "import boto3, ministack, samtranslator"];
        let has_tools = tools::is_available(Command::new("python3").args(modules), python).await
            && tools::is_available(Command::new("cargo").args(["lambda", "--version"]), "cargo-lambda").await
            && tools::is_available(Command::new("sam").arg("--version"), "sam").await;
        if !has_tools {
            return None;
        }
        let Some(address) = own_address().await else {
            tools::missing("an address besides loopback");
            return None;
        };
        let code = build().await;
        let authority = Authority::new().unwrap();
        let listener = TcpListener::bind((address.as_str(), 0)).await.unwrap();
        let tls = authority.server_config_for(&[address.as_str()]).unwrap();
        let receiver = Receiver::start(listener, tls, Clock::system()).unwrap();
        let emulator = Emulator::start().await;
        let parameters = [
            ("PublicUrl", PUBLIC_URL.to_owned()),
            ("AllowedNetworks", format!("{address}/32")),
            ("TrustedCertificate", authority.certificate_base64().unwrap()),
            ("MaximumConcurrency", "4".to_owned()),
        ];
        let outputs = emulator.deploy(STACK, &code, &parameters).await;
        let http = emulator.client(outputs["ApiUrl"].as_str().unwrap());
        Some(Self { emulator, receiver, outputs, http })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", text(&self.outputs["ApiUrl"]))
    }

    /// Creates a customer as an operator does.
    async fn customer(&self, name: &str) -> Customer {
        let account = self.invoke(&json!({"create_account": {"name": name}})).await;
        let account_id = text(&account["account_id"]);
        let key = self.invoke(&json!({"create_api_key": {"account_id": account_id, "name": name}})).await;
        Customer::of(account_id, text(&key["api_key"]), self.url(""), self.http.clone())
    }

    async fn invoke(&self, command: &Value) -> Value {
        let function = text(&self.outputs["DestinationsFunction"]);
        let answer = self.emulator.stack(&["invoke", &function, &command.to_string()]).await;
        serde_json::from_str(&answer).unwrap()
    }

    /// Puts an event on the bus.
    async fn put_event(&self, detail: &Value) {
        self.emulator.stack(&["put-event", &detail.to_string()]).await;
    }

    /// Moves the time at which the schedule ends a conversation: a request cannot expect an end in the past.
    async fn make_overdue(&self, account: &str, conversation: &str) {
        self.emulator.stack(&["overdue", STACK, account, conversation]).await;
    }

    /// The number of messages in the queue whose URL is in this output.
    async fn messages_in(&self, output: &str) -> u64 {
        self.emulator.stack(&["messages", &text(&self.outputs[output])]).await.trim().parse().unwrap()
    }
}

/// Builds what `sam deploy` deploys, for this machine's processor, and checks its size; returns the folder, which has
/// ID/bootstrap for each function.
async fn build() -> PathBuf {
    let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra");
    let processor = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let mut command = tools::builder("sam");
    command.args(["build", "--parameter-overrides"]).arg(format!("Architecture={processor}"));
    let built = command.current_dir(&infra).output().await.unwrap();
    assert!(built.status.success(), "{}: {}", built.status, String::from_utf8_lossy(&built.stderr));
    let code = infra.join(".aws-sam/build");
    for function in FUNCTIONS {
        let bytes = code.join(function).join("bootstrap").metadata().unwrap().len();
        assert!(bytes <= MAX_BOOTSTRAP_BYTES, "{function}: {bytes} bytes");
    }
    code
}
