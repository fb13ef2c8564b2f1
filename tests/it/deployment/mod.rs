//! The system as it is deployed: the release binaries of cargo-lambda, the template as SAM expands it, and an emulator of
//! AWS that is not the one of the local stack. It creates the stack by CloudFormation, runs the binaries as Lambda does,
//! polls the queues, and refuses what a function's role does not allow.
//!
//! Wants cargo-lambda, and `python3` with `aws-sam-translator`, `boto3` and `ministack[full]`; without them it says so and
//! passes. [`emulator`] starts it, `stack.py` deploys to it and lists what had to be made by hand, [`story`] uses it.

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

/// What the stack is called.
const STACK: &str = "ringback";

/// What Twilio and Daily call us by. The emulator's own address is no https URL, so nothing resolves this: callbacks are
/// signed for it and sent to the emulator.
const PUBLIC_URL: &str = "https://hooks.example.com";

/// A running deployment with a receiver beside it.
struct Deployment {
    emulator: Emulator,
    receiver: Receiver,
    /// The stack's outputs.
    outputs: Value,
    /// Finds the API's host, which only the emulator knows.
    http: Client,
}

impl Deployment {
    /// `None`, and a line that says so, where a tool is missing.
    async fn start() -> Option<Self> {
        let python = "python3 with aws-sam-translator, boto3 and ministack[full]";
        let modules = ["-c", "import boto3, ministack, samtranslator"];
        let there = tools::there(Command::new("python3").args(modules), python).await
            && tools::there(Command::new("cargo").args(["lambda", "--version"]), "cargo-lambda").await;
        if !there {
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

    /// A new customer, made as an operator makes one.
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

    /// An event on the bus.
    async fn put_event(&self, detail: &Value) {
        self.emulator.stack(&["put-event", &detail.to_string()]).await;
    }

    /// Messages in a queue, by the output that has its URL.
    async fn messages_in(&self, output: &str) -> u64 {
        self.emulator.stack(&["messages", &text(&self.outputs[output])]).await.trim().parse().unwrap()
    }
}

/// The release binaries as cargo-lambda bundles them: NAME/bootstrap.zip in the folder.
async fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/deployment");
    let functions = ["ingest", "dispatch", "query", "destinations"].map(|name| ["-p", name]);
    let mut command = tools::cargo();
    command.args(["lambda", "build", "--release", "--output-format", "zip", "--lambda-dir"]).arg(&target);
    command.args(functions.as_flattened()).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let built = command.output().await.unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    target
}
