//! The floor of a delivery: for each message of a batch, one HTTPS request on a connection of its own, then one write to
//! a table, and nothing else. `cargo bench -p tests -- dispatch` measures `dispatch` beside it.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot continue has failed")]

use adapters::aws::{self, Clients, DynamoDb};
use adapters::config::{Environment, Vars};
use adapters::egress;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

/// The bytes of a request's body: about those of a short conversation's webhook.
const BODY_BYTES: usize = 1_500;

struct Floor {
    webhooks: reqwest::Client,
    url: String,
    dynamodb: DynamoDb,
    table: String,
}

impl Floor {
    async fn deliver(&self, message: &Value) {
        let id = message["messageId"].as_str().unwrap();
        let answer = self.webhooks.post(&self.url).body("x".repeat(BODY_BYTES)).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        let key = |text: &str| AttributeValue::S(text.to_owned());
        let write =
            self.dynamodb.put_item().table_name(&self.table).item("pk", key(id)).item("sk", key("floor"));
        write.send().await.unwrap();
    }

    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let messages = event.payload["Records"].as_array().unwrap();
        join_all(messages.iter().map(|message| self.deliver(message))).await;
        Ok(json!({"batchItemFailures": []}))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let roots = egress::trusted_certificates(&Environment)?;
    let roots = roots.iter().map(|der| reqwest::Certificate::from_der(der).unwrap());
    let floor = Floor {
        webhooks: reqwest::Client::builder().tls_certs_only(roots).pool_max_idle_per_host(0).build()?,
        url: Environment.text("FLOOR_URL")?,
        dynamodb: Clients::new(&aws::config(Environment)?).dynamodb,
        table: Environment.text("DELIVERY_LOG_TABLE")?,
    };
    run(service_fn(|event| floor.handle(event))).await
}
