//! What arrives, verified by the libraries of Standard Webhooks in other languages, as their users call them.

use std::process::Stdio;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::tools::is_available;
use crate::wire::fields;
use crate::world::{World, text};

/// Verifies lines of `{"secret", "headers", "payload"}`, and that each is refused with a byte more.
const PYTHON: &str = r#"
import json, sys
from standardwebhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    given = json.loads(line)
    webhook = Webhook(given["secret"])
    print(webhook.verify(given["payload"], given["headers"])["conversation_id"])
    try:
        webhook.verify(given["payload"] + " ", given["headers"])
        sys.exit("a false payload is taken")
    except WebhookVerificationError:
        pass
"#;

const JAVASCRIPT: &str = r#"
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) {
  const { secret, headers, payload } = JSON.parse(line);
  const webhook = new Webhook(secret);
  console.log(webhook.verify(payload, headers).conversation_id);
  try {
    webhook.verify(payload + " ", headers);
  } catch (error) {
    if (error instanceof WebhookVerificationError) continue;
  }
  throw "a false payload is taken";
}
"#;

/// What each of seven destinations received: a form or a body of JSON by each request type that has one, and a query.
async fn deliveries() -> Vec<Value> {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let mut expected = Vec::new();
    for (format, request_types) in
        [("form", &["GET", "POST", "PATCH", "PUT"][..]), ("json", &["POST", "PATCH", "PUT"])]
    {
        for request_type in request_types {
            let path = format!("/{format}/{request_type}");
            let url = world.stack.receiver.url(&path);
            let body = json!({"name": path, "url": url, "request_type": request_type, "format": format});
            let (status, made) = customer.call(Method::POST, "/v1/destinations", Some(&body)).await;
            assert_eq!(status, StatusCode::CREATED, "{made}");
            expected.push((path, text(&made["secret"])));
        }
    }
    let ended = json!({
        "conversation_id": "c-1",
        "conversation_status": "COMPLETED",
        "notes": "Grüße & 100 % = \"☎\" \u{2028}",
        "conversation_transcript": [{"role": "user", "content": "é\r\n--ringback", "at": 1.50}],
    });
    let (status, _) = customer.call(Method::POST, "/v1/flows/hangup", Some(&ended)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let mut deliveries = Vec::new();
    for (path, secret) in expected {
        let request = &world.stack.receiver.wait_for(&path, 1).await[0];
        let payload = if path.starts_with("/json") {
            request.body.clone()
        } else {
            fields(request).await["payload"].clone()
        };
        let headers: serde_json::Map<String, Value> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())))
            .collect();
        deliveries.push(
            json!({"secret": secret, "headers": headers, "payload": str::from_utf8(&payload).unwrap()}),
        );
    }
    deliveries
}

/// Runs a program that verifies deliveries; returns what it prints.
async fn verify(program: &str, script: [&str; 2], deliveries: &[Value]) -> String {
    let mut command = Command::new(program);
    command.args(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let lines: String = deliveries.iter().map(|delivery| format!("{delivery}\n")).collect();
    running.stdin.take().unwrap().write_all(lines.as_bytes()).await.unwrap();
    let ended = running.wait_with_output().await.unwrap();
    assert!(ended.status.success(), "{program}: {}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_verify_with_the_libraries_of_python_and_npm() {
    let deliveries = deliveries().await;
    let printed = "c-1\n".repeat(deliveries.len());
    let import = ["-c", "import standardwebhooks"];
    if is_available(Command::new("python3").args(import), "standardwebhooks of PyPI").await {
        assert_eq!(verify("python3", ["-c", PYTHON], &deliveries).await, printed);
    }
    let require = ["-e", "require('standardwebhooks')"];
    if is_available(Command::new("node").args(require), "standardwebhooks of npm in NODE_PATH").await {
        assert_eq!(verify("node", ["-e", JAVASCRIPT], &deliveries).await, printed);
    }
}
