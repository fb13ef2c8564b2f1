//! Requests to Ingest behind the proxies, as the HTTP API passes them on.

use std::collections::BTreeMap;
use std::sync::Arc;

use local::lambda::function::Deployed;
use serde_json::{Value, json};

use super::site::Site;

/// Ingest behind the proxies.
pub(super) struct Api {
    pub(super) site: Site,
    ingest: Deployed,
}

/// An answer: its status, its headers and its body.
pub(super) type Answer = (u64, BTreeMap<String, String>, Value);

impl Api {
    pub(super) async fn of(site: Site) -> Arc<Self> {
        let ingest = site.functions().await["Ingest"].clone();
        Arc::new(Self { site, ingest })
    }

    async fn call(&self, sample: &str, conversation: &str, body: Value) -> Answer {
        let mut event: Value = serde_json::from_str(sample).unwrap();
        event["headers"]["x-api-key"] = json!(self.site.customer.key);
        event["pathParameters"]["conversation_id"] = json!(conversation);
        event["body"] = json!(body.to_string());
        self.send(&event).await
    }

    pub(super) async fn send(&self, event: &Value) -> Answer {
        let Ok(answer) = self.ingest.invoke(event.to_string().into()).await else {
            return (503, BTreeMap::new(), Value::Null); // as the HTTP API answers for a function that failed
        };
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let headers = serde_json::from_value(answer["headers"].clone()).unwrap();
        let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        (answer["statusCode"].as_u64().unwrap(), headers, body)
    }

    pub(super) async fn hang_up(&self, conversation: &str) -> Answer {
        self.end(conversation, json!({"conversation_id": conversation, "conversation_status": "COMPLETED"}))
            .await
    }

    pub(super) async fn end(&self, conversation: &str, body: Value) -> Answer {
        self.call(include_str!("../../../events/ingest/conversation-completed.json"), conversation, body)
            .await
    }

    pub(super) async fn put(&self, conversation: &str, body: Value) -> Answer {
        self.call(include_str!("../../../events/ingest/put-conversation.json"), conversation, body).await
    }
}
