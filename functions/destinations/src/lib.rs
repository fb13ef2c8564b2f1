//! Manages destinations, provider secrets, API keys and the portal's sessions over HTTP, accounts and their first keys
//! by direct invocation.
//!
//! Accounts are created only by principals that IAM allows to invoke the function, never over HTTP.

mod accounts;
mod form;
#[cfg(test)]
mod fuzz;
mod keys;
mod portal;
mod providers;
mod routes;
mod view;

use std::sync::Arc;

use adapters::aws::{DynamoDb, Kms};
use adapters::caller::{Caller, Callers};
use adapters::config::{self, ConfigError, Vars};
use adapters::deadline::{self, FUNCTION_TIMEOUT};
use adapters::dynamodb::{AccountTable, DestinationTable, ProviderTable, PurgeTables, RateTable};
use adapters::egress;
use adapters::function::{Error, Event, answer, is_http};
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use adapters::idempotency::Idempotency;
use adapters::public_url::PublicUrl;
use adapters::vault::kms::{KmsDecryptor, KmsVault, SECRETS_KEY_ARN};
use domain::account::api_key::Scope;
use domain::destination::egress::EgressPolicy;
use domain::shared::clock::Clock;
use domain::shared::randomness::{Randomness, Seed};
use domain::shared::rate::RateLimit;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use serde_json::value::RawValue;

/// Configuration from the function's environment.
pub struct Config {
    destinations_table: String,
    conversations_table: String,
    delivery_log_table: String,
    secrets_key_arn: String,
    rate_limit: Option<RateLimit>,
    public_url: Option<PublicUrl>,
    /// The addresses that destinations may have.
    pub addresses: EgressPolicy,
}

impl Config {
    /// Reads the environment; an error names the variable that is missing or wrong.
    pub fn read(vars: &impl Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            destinations_table: vars.text("DESTINATIONS_TABLE")?,
            conversations_table: vars.text("CONVERSATIONS_TABLE")?,
            delivery_log_table: vars.text("DELIVERY_LOG_TABLE")?,
            secrets_key_arn: vars.text(SECRETS_KEY_ARN)?,
            rate_limit: config::api_rate_limit(vars)?,
            public_url: PublicUrl::read(vars)?,
            addresses: egress::policy(vars)?,
        })
    }
}

/// The Lambda function.
pub struct Manage {
    accounts: AccountTable,
    purges: PurgeTables,
    callers: Callers,
    idempotency: Idempotency,
    destinations: DestinationTable,
    providers: ProviderTable<KmsVault>,
    vault: KmsVault,
    addresses: EgressPolicy,
    public_url: Option<PublicUrl>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
}

impl Manage {
    /// Wires the function, once per process.
    #[must_use]
    pub fn new(
        config: Config,
        dynamodb: DynamoDb,
        kms: Kms,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
    ) -> Self {
        let decryptor = KmsDecryptor::new(kms, config.secrets_key_arn, Arc::clone(&clock));
        let vault = KmsVault::new(decryptor, Arc::clone(&randomness));
        let accounts = AccountTable::new(dynamodb.clone(), config.destinations_table.clone());
        let rates = RateTable::new(dynamodb.clone(), config.delivery_log_table.clone());
        Self {
            callers: Callers::new(accounts.clone(), rates, config.rate_limit, Arc::clone(&clock)),
            accounts,
            purges: PurgeTables::new(
                &dynamodb,
                [
                    config.destinations_table.clone(),
                    config.conversations_table,
                    config.delivery_log_table.clone(),
                ],
            ),
            // Answers of this function hold signing secrets.
            idempotency: Idempotency::new(
                dynamodb.clone(),
                config.delivery_log_table,
                Some(vault.clone()),
                Arc::clone(&clock),
                Arc::clone(&randomness),
            ),
            destinations: DestinationTable::new(dynamodb.clone(), config.destinations_table.clone()),
            providers: ProviderTable::new(dynamodb, config.destinations_table, vault.clone()),
            vault,
            addresses: config.addresses,
            public_url: config.public_url,
            clock,
            randomness,
        }
    }

    /// Handles one invocation.
    pub async fn handle(&self, event: LambdaEvent<Event>) -> Result<Value, Error> {
        let deadline = deadline::of(&event.context, FUNCTION_TIMEOUT, &*self.clock);
        deadline::until(deadline, &self.clock, self.run(&event.payload)).await
    }

    async fn run(&self, event: &RawValue) -> Result<Value, Error> {
        if is_http(event) {
            answer(event, |request| self.route(request)).await
        } else {
            self.direct(event).await
        }
    }

    async fn route(&self, request: Request) -> Result<Reply, Problem> {
        // This route takes a link's token in place of a key.
        if request.route() == "POST /v1/portal-sessions" {
            return self.begin_session(&request).await;
        }
        let scope = if request.route().starts_with("GET ") { Scope::Read } else { Scope::Manage };
        let caller = self.callers.admit(&request, scope).await?;
        let work = |seed| self.run_route(&caller, &request, seed);
        self.idempotency.once(&caller.account_id, &request, work).await
    }

    async fn run_route(&self, caller: &Caller, request: &Request, seed: Seed) -> Result<Reply, Problem> {
        let account = &caller.account_id;
        match request.route() {
            "GET /v1/account" => self.show_account(caller).await,
            "GET /v1/api-keys" => self.list_keys(account).await,
            "POST /v1/api-keys" => self.create_key(caller, request, &seed).await,
            "DELETE /v1/api-keys/{key_id}" => self.revoke_key(account, request).await,
            "POST /v1/portal-links" => self.create_portal_link(caller, request, &seed),
            "DELETE /v1/portal-sessions" => self.end_sessions(caller).await,
            "POST /v1/destinations" => self.create(account, request, &seed).await,
            "GET /v1/destinations" => self.list(account).await,
            "GET /v1/destinations/{destination_id}" => self.show(account, request).await,
            "PATCH /v1/destinations/{destination_id}" => self.change(account, request).await,
            "DELETE /v1/destinations/{destination_id}" => self.delete(account, request).await,
            "POST /v1/destinations/{destination_id}/secret/rotate" => {
                self.rotate(account, request, &seed).await
            }
            "GET /v1/providers" => self.list_providers(account).await,
            "PUT /v1/providers/{provider}" => self.set_provider(account, request).await,
            "DELETE /v1/providers/{provider}" => self.delete_provider(account, request).await,
            _ => Err(Problem::not_found("route")),
        }
    }
}
