//! Turns reports from HTTP, EventBridge and a schedule into one lifecycle event per conversation in the queue `events`.
//!
//! A flow in [`flows`] parses what its caller sends; the domain's shared completion step does the rest.

mod conversations;
mod flows;
mod recoveries;
mod redelivery;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use adapters::aws::Clients;
use adapters::caller::{Caller, Callers};
use adapters::config::{self, ConfigError, Retention, Vars};
use adapters::deadline::{self, FUNCTION_TIMEOUT};
use adapters::dynamodb::{
    AccountTable, ConversationTable, DeliveryLogTable, DestinationTable, EventTable, OverdueIndex,
    ProviderTable, RateTable, RecoveryTable, ReferenceTable,
};
use adapters::function::{Error, Event, answer, is_http};
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use adapters::idempotency::Idempotency;
use adapters::public_url::PublicUrl;
use adapters::sqs::Queue;
use adapters::vault::kms::{KmsDecryptor, SECRETS_KEY_ARN};
use domain::account::api_key::Scope;
use domain::lifecycle::completion::Spans;
use domain::lifecycle::forget::Forget;
use domain::lifecycle::overdue::{EndOverdue, Sweep};
use domain::lifecycle::update::Update;
use domain::redelivery::resend::Resend;
use domain::redelivery::send_test::SendTest;
use domain::shared::clock::Clock;
use domain::shared::randomness::{Randomness, Seed};
use domain::shared::rate::RateLimit;
use domain::shared::unavailable::Unavailable;
use lambda_runtime::LambdaEvent;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::conversations::ForgetConversation;
use crate::flows::end::EndConversation;
use crate::flows::provider::CallbackFlow;
use crate::redelivery::Redelivery;
use crate::steps::{Callbacks, Complete};

/// Configuration from the function's environment.
pub struct Config {
    events_queue_url: String,
    deliveries_queue_url: String,
    destinations_table: String,
    secrets_key_arn: String,
    conversations_table: String,
    delivery_log_table: String,
    retention: Retention,
    conversation_retention: Option<Duration>,
    settle: Duration,
    rate_limit: Option<RateLimit>,
    public_url: Option<PublicUrl>,
}

impl Config {
    /// Reads the environment; an error names the variable that is missing or wrong.
    pub fn read(vars: &impl Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            events_queue_url: vars.text("EVENTS_QUEUE_URL")?,
            deliveries_queue_url: vars.text("DELIVERIES_QUEUE_URL")?,
            destinations_table: vars.text("DESTINATIONS_TABLE")?,
            secrets_key_arn: vars.text(SECRETS_KEY_ARN)?,
            conversations_table: vars.text("CONVERSATIONS_TABLE")?,
            delivery_log_table: vars.text("DELIVERY_LOG_TABLE")?,
            retention: Retention::read(vars)?,
            conversation_retention: config::conversation_retention(vars)?,
            settle: Duration::from_secs(vars.number("SETTLE_SECONDS")?),
            rate_limit: config::api_rate_limit(vars)?,
            public_url: PublicUrl::read(vars)?,
        })
    }
}

/// The command that the schedule sends.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    EndOverdueConversations {},
}

/// The Lambda function.
pub struct Ingest {
    accounts: AccountTable,
    callers: Callers,
    idempotency: Idempotency,
    providers: ProviderTable<KmsDecryptor>,
    complete: Complete,
    callbacks: Callbacks,
    update: Update<ConversationTable>,
    forget: ForgetConversation,
    end_overdue: EndOverdue<ConversationTable, Queue, EventTable, OverdueIndex>,
    resend: Resend<DeliveryLogTable, DestinationTable, ConversationTable, EventTable, Queue>,
    destinations: DestinationTable,
    send_test: SendTest<ConversationTable, EventTable, Queue>,
    recoveries: recoveries::Requests,
    public_url: Option<PublicUrl>,
    clock: Arc<dyn Clock>,
}

impl Ingest {
    /// Wires the function, once per process.
    #[must_use]
    pub fn new(
        config: Config,
        clients: Clients,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
    ) -> Self {
        let Clients { dynamodb, sqs, kms } = clients;
        let (table, log) = (config.conversations_table, config.delivery_log_table);
        let conversations = ConversationTable::new(dynamodb.clone(), table.clone(), Arc::clone(&clock));
        let conversations = conversations.with_retention(config.conversation_retention);
        let stored = EventTable::new(dynamodb.clone(), log.clone(), Arc::clone(&clock));
        let events = Queue::new(sqs.clone(), config.events_queue_url);
        let deliveries = Queue::new(sqs, config.deliveries_queue_url);
        let rates = RateTable::new(dynamodb.clone(), log.clone());
        // Answers of this function hold ids only.
        let idempotency = Idempotency::new(
            dynamodb.clone(),
            log.clone(),
            None,
            Arc::clone(&clock),
            Arc::clone(&randomness),
        );
        let recoveries =
            RecoveryTable::new(dynamodb.clone(), log.clone(), config.retention, Arc::clone(&clock));
        let log = DeliveryLogTable::new(dynamodb.clone(), log, config.retention, Arc::clone(&clock));
        let accounts = AccountTable::new(dynamodb.clone(), config.destinations_table.clone());
        let destinations = DestinationTable::new(dynamodb.clone(), config.destinations_table.clone());
        let retention = config.retention.duration();
        let recoveries =
            recoveries::Requests::new(destinations.clone(), recoveries, events.clone(), Arc::clone(&clock));
        let complete = Complete::new(
            conversations.clone(),
            events,
            stored.clone(),
            Spans { settle: config.settle, retention },
            Arc::clone(&clock),
            randomness,
        );
        let references = ReferenceTable::new(
            dynamodb.clone(),
            table.clone(),
            config.conversation_retention,
            Arc::clone(&clock),
        );
        let overdue = OverdueIndex::new(dynamodb.clone(), table);
        let decryptor = KmsDecryptor::new(kms, config.secrets_key_arn, Arc::clone(&clock));
        Self {
            callers: Callers::new(accounts.clone(), rates, config.rate_limit, Arc::clone(&clock)),
            accounts,
            idempotency,
            providers: ProviderTable::new(dynamodb, config.destinations_table, decryptor),
            callbacks: Callbacks::new(
                complete.clone(),
                conversations.clone(),
                references.clone(),
                Arc::clone(&clock),
            ),
            forget: Forget::new(conversations.clone(), references, stored.clone(), Arc::clone(&clock)),
            end_overdue: EndOverdue::new(complete.clone(), overdue, Arc::clone(&clock)),
            complete,
            resend: Resend::new(
                log,
                destinations.clone(),
                conversations.clone(),
                stored.clone(),
                deliveries.clone(),
                Arc::clone(&clock),
            ),
            send_test: SendTest::new(
                conversations.clone(),
                stored,
                deliveries,
                retention,
                Arc::clone(&clock),
            ),
            destinations,
            recoveries,
            update: Update::new(conversations, Arc::clone(&clock)),
            public_url: config.public_url,
            clock,
        }
    }

    /// Handles one invocation.
    pub async fn handle(&self, event: LambdaEvent<Event>) -> Result<Value, Error> {
        let deadline = deadline::of(&event.context, FUNCTION_TIMEOUT, &*self.clock);
        deadline::until(deadline, &self.clock, self.run(&event.payload)).await
    }

    async fn run(&self, event: &RawValue) -> Result<Value, Error> {
        if is_http(event) {
            return answer(event, |request| self.route(request)).await;
        }
        if let Some(events) = flows::event_bridge::read(event) {
            flows::event_bridge::run(&self.platform(), &self.accounts, events).await?;
            return Ok(Value::Null);
        }
        match serde_json::from_str(event.get()) {
            Ok(Command::EndOverdueConversations {}) => Ok(self.end_overdue().await),
            Err(_) => {
                Err("this invocation is not from the HTTP API, EventBridge or the function's schedule".into())
            }
        }
    }

    /// Logs a failure instead of failing the invocation: Lambda would retry it and then queue it as failed, although
    /// the schedule tries again within a minute.
    async fn end_overdue(&self) -> Value {
        match self.end_overdue.run().await {
            Ok(Sweep { ended, failed, failure }) => {
                failure.iter().for_each(Unavailable::log);
                json!({ "ended": ended, "failed": failed })
            }
            Err(error) => {
                error.log();
                json!({ "ended": 0, "failed": Value::Null })
            }
        }
    }

    async fn route(&self, request: Request) -> Result<Reply, Problem> {
        let callback = || CallbackFlow {
            callbacks: &self.callbacks,
            accounts: &self.accounts,
            secrets: &self.providers,
        };
        match request.route() {
            "POST /v1/flows/hangup" => {
                flows::hangup::run(&self.platform(), self.reporter(&request).await?, &request).await
            }
            "POST /v1/flows/outbound-call" => {
                flows::outbound_call::run(&self.platform(), self.reporter(&request).await?, &request).await
            }
            "POST /v1/flows/twilio/{account_id}" | "GET /v1/flows/twilio/{account_id}" => {
                flows::twilio::run(&callback(), self.public_url.as_ref(), &request, self.clock.now()).await
            }
            "POST /v1/flows/daily/{account_id}" => {
                flows::daily::run(&callback(), &request, &self.clock).await
            }
            "PUT /v1/conversations/{conversation_id}" => {
                let caller = self.reporter(&request).await?;
                conversations::put(&self.update, &self.callbacks, caller, &request).await
            }
            "DELETE /v1/conversations/{conversation_id}" => {
                conversations::delete(&self.forget, self.manager(&request).await?, &request).await
            }
            "POST /v1/deliveries/{delivery_id}/resend"
            | "POST /v1/events/{event_id}/send"
            | "POST /v1/destinations/{destination_id}/test" => {
                let caller = self.manager(&request).await?;
                let work = |seed| self.redelivery(seed, &caller, &request);
                self.idempotency.once(&caller.account_id, &request, work).await
            }
            "POST /v1/recoveries" | "POST /v1/destinations/{destination_id}/recover" => {
                let caller = self.manager(&request).await?;
                let work = |seed| recoveries::start(&self.recoveries, seed, &caller, &request);
                self.idempotency.once(&caller.account_id, &request, work).await
            }
            "DELETE /v1/recoveries/{recovery_id}" => {
                recoveries::stop(&self.recoveries, &self.manager(&request).await?, &request).await
            }
            _ => Err(Problem::not_found("route")),
        }
    }

    async fn redelivery(&self, seed: Seed, caller: &Caller, request: &Request) -> Result<Reply, Problem> {
        let redelivery = Redelivery {
            resend: &self.resend,
            destinations: &self.destinations,
            send_test: &self.send_test,
            seed,
        };
        redelivery.run(caller, request).await
    }

    fn platform(&self) -> EndConversation<'_> {
        EndConversation { complete: &self.complete, callbacks: &self.callbacks }
    }

    /// Admits a caller that may report conversations.
    async fn reporter(&self, request: &Request) -> Result<Caller, Problem> {
        self.caller(request, Scope::Ingest).await
    }

    /// Admits a caller that may manage destinations and stored data.
    async fn manager(&self, request: &Request) -> Result<Caller, Problem> {
        self.caller(request, Scope::Manage).await
    }

    async fn caller(&self, request: &Request, scope: Scope) -> Result<Caller, Problem> {
        self.callers.admit(request, scope).await
    }
}
