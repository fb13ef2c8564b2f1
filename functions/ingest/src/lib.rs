//! HTTP to one lifecycle event in the `events` queue.
//!
//! A flow in [`flows`] reads what its caller sends; the shared completion step of the domain does the rest.

mod conversations;
mod flows;

use std::sync::Arc;

use adapters::aws::Clients;
use adapters::caller::authenticate;
use adapters::config::{ConfigError, Retention, Vars};
use adapters::dynamodb::{AccountTable, ConversationTable, ConversationTables};
use adapters::function::{Error, answer, is_http};
use adapters::http::{Reply, Request};
use adapters::problem::Problem;
use adapters::sqs::Queue;
use domain::api_key::Scope;
use domain::completion::Complete;
use domain::ports::Clock;
use domain::update::Update;
use lambda_runtime::LambdaEvent;
use serde_json::Value;

/// What the function's environment says.
pub struct Config {
    events_queue_url: String,
    destinations_table: String,
    conversations_table: String,
    delivery_log_table: String,
    retention: Retention,
}

impl Config {
    /// Reads all of it, or names the variable that is missing.
    pub fn read(vars: &impl Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            events_queue_url: vars.text("EVENTS_QUEUE_URL")?,
            destinations_table: vars.text("DESTINATIONS_TABLE")?,
            conversations_table: vars.text("CONVERSATIONS_TABLE")?,
            delivery_log_table: vars.text("DELIVERY_LOG_TABLE")?,
            retention: Retention::read(vars)?,
        })
    }
}

/// The function.
pub struct Ingest {
    accounts: AccountTable,
    complete: Complete<ConversationTables, Queue>,
    update: Update<ConversationTables>,
}

impl Ingest {
    /// Wires the function, once per process.
    #[must_use]
    pub fn new(config: Config, clients: Clients, clock: Arc<dyn Clock>) -> Self {
        let Clients { dynamodb, sqs } = clients;
        let conversations = ConversationTables::new(
            ConversationTable::new(dynamodb.clone(), config.conversations_table),
            config.delivery_log_table,
            config.retention,
            Arc::clone(&clock),
        );
        let events = Queue::new(sqs, config.events_queue_url);
        Self {
            accounts: AccountTable::new(dynamodb, config.destinations_table),
            complete: Complete::new(conversations.clone(), events, Arc::clone(&clock)),
            update: Update::new(conversations, clock),
        }
    }

    /// One invocation.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        if !is_http(&event.payload) {
            return Err("this function is invoked by the HTTP API".into());
        }
        answer(event.payload, |request| self.route(request)).await
    }

    async fn route(&self, request: Request) -> Result<Reply, Problem> {
        let caller = authenticate(&request, &self.accounts, Scope::Ingest).await?;
        match request.route() {
            "POST /v1/flows/hangup" => flows::hangup::run(&self.complete, caller, &request).await,
            "PUT /v1/conversations/{conversation_id}" => {
                conversations::put(&self.update, caller, &request).await
            }
            _ => Err(Problem::not_found("route")),
        }
    }
}
