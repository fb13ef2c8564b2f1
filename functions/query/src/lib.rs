//! Serves Delivery Logs, conversations and the Webhooks page over HTTP. Writes only request counts and the last use of
//! keys.

mod conversation;
mod deliveries;
mod events;
#[cfg(test)]
mod fuzz;
mod openapi;
mod page;
mod recoveries;
mod stats;
mod unrouted;
mod view;

use std::sync::Arc;

use adapters::aws::DynamoDb;
use adapters::caller::Callers;
use adapters::config::{self, ConfigError, Retention, Vars};
use adapters::dynamodb::{
    AccountTable, ConversationTable, DeliveryLogTable, DestinationTable, RateTable, RecoveryTable,
};
use adapters::function::{Error, Event, answer, is_http};
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::{DEFAULT_ROUTE, Request};
use domain::account::api_key::Scope;
use domain::shared::clock::Clock;
use domain::shared::rate::RateLimit;
use lambda_runtime::LambdaEvent;
use serde_json::Value;

use crate::page::Page;
use crate::page::branding::Branding;

/// Configuration from the function's environment.
pub struct Config {
    destinations_table: String,
    conversations_table: String,
    delivery_log_table: String,
    retention: Retention,
    rate_limit: Option<RateLimit>,
    branding: Branding,
}

impl Config {
    /// Reads the environment; an error names the variable that is missing or wrong.
    pub fn read(vars: &impl Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            destinations_table: vars.text("DESTINATIONS_TABLE")?,
            conversations_table: vars.text("CONVERSATIONS_TABLE")?,
            delivery_log_table: vars.text("DELIVERY_LOG_TABLE")?,
            retention: Retention::read(vars)?,
            rate_limit: config::api_rate_limit(vars)?,
            branding: Branding::read(vars)?,
        })
    }
}

/// The Lambda function.
pub struct Query {
    callers: Callers,
    conversations: ConversationTable,
    destinations: DestinationTable,
    log: DeliveryLogTable,
    recoveries: RecoveryTable,
    page: Page,
}

impl Query {
    /// Wires the function, once per process.
    #[must_use]
    pub fn new(config: Config, dynamodb: DynamoDb, clock: Arc<dyn Clock>) -> Self {
        let accounts = AccountTable::new(dynamodb.clone(), config.destinations_table.clone());
        let rates = RateTable::new(dynamodb.clone(), config.delivery_log_table.clone());
        Self {
            page: Page::new(config.branding),
            callers: Callers::new(accounts, rates, config.rate_limit, Arc::clone(&clock)),
            destinations: DestinationTable::new(dynamodb.clone(), config.destinations_table),
            conversations: ConversationTable::new(
                dynamodb.clone(),
                config.conversations_table,
                Arc::clone(&clock),
            ),
            recoveries: RecoveryTable::new(
                dynamodb.clone(),
                config.delivery_log_table.clone(),
                config.retention,
                Arc::clone(&clock),
            ),
            log: DeliveryLogTable::new(dynamodb, config.delivery_log_table, config.retention, clock),
        }
    }

    /// Handles one invocation.
    pub async fn handle(&self, event: LambdaEvent<Event>) -> Result<Value, Error> {
        if !is_http(&event.payload) {
            return Err("this invocation is not from the HTTP API".into());
        }
        answer(&event.payload, |request| self.route(request)).await
    }

    async fn route(&self, request: Request) -> Result<Reply, Problem> {
        let request = if request.route() == DEFAULT_ROUTE { unrouted::route(request)? } else { request };
        match request.route() {
            // Public: the page requests its data with a key or a session.
            "GET /" => return Ok(self.page.index()),
            "GET /portal/{token}" => return Ok(self.page.portal()),
            "GET /assets/{version}/{name}" => return page::asset(&request),
            "GET /docs" => return Ok(page::docs()),
            "GET /openapi.json" => return Ok(openapi::show()),
            _ => {}
        }
        let caller = self.callers.admit(&request, Scope::Read).await?;
        match request.route() {
            "GET /v1/deliveries" => deliveries::list(&self.log, &caller, &request).await,
            "GET /v1/deliveries/{delivery_id}" => {
                deliveries::show(&self.log, &self.destinations, &caller, &request).await
            }
            "GET /v1/events" => events::list(&self.log, &caller, &request).await,
            "GET /v1/events/{event_id}" => events::show(&self.log, &caller, &request).await,
            "GET /v1/recoveries/{recovery_id}" => recoveries::show(&self.recoveries, &caller, &request).await,
            "GET /v1/stats" => stats::show(&self.log, &caller, &request).await,
            "GET /v1/public/conversations/{conversation_id}" => {
                conversation::show(&self.conversations, &caller, &request).await
            }
            _ => Err(Problem::not_found("route")),
        }
    }
}
