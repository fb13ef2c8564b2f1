//! Fans events out, takes the steps of recoveries, attempts deliveries and reconciles dead letters, from batches of SQS.
//!
//! One function serves three queues and chooses the step by a batch's source queue. All three share [`batch`].

mod batch;
mod deliver;
mod fan_out;
mod reconcile;
mod recover;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use adapters::aws::Clients;
use adapters::config::{self, ConfigError, Retention, Vars};
use adapters::deadline;
use adapters::dynamodb::{
    ContextTables, ConversationTable, DeliveryLogTable, DestinationTable, EventTable, LedgerTable, RateTable,
    RecoveryTable,
};
use adapters::egress;
use adapters::function::Error;
use adapters::sender::{CertificateDer, HttpSender, SetupError};
use adapters::sqs::Queue;
use adapters::system::SystemRandomness;
use adapters::vault::kms::{KmsDecryptor, SECRETS_KEY_ARN};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::delivery::circuit_breaker::CircuitBreaker;
use domain::delivery::deliver::{Deliver, Invocation};
use domain::delivery::fan_out::FanOut;
use domain::delivery::monitor::Monitor;
use domain::delivery::rate_limiter::RateLimiter;
use domain::delivery::reconcile::Reconcile;
use domain::destination::egress::EgressPolicy;
use domain::redelivery::recover::Recover;
use domain::shared::clock::Clock;
use domain::shared::rate::RateLimit;
use futures_util::future::join;
use lambda_runtime::LambdaEvent;

use crate::batch::Batch;

/// Configuration from the function's environment.
pub struct Config {
    events_queue_url: String,
    deliveries_queue_url: String,
    dead_letters_queue_url: String,
    conversations_table: String,
    destinations_table: String,
    secrets_key_arn: String,
    delivery_log_table: String,
    retention: Retention,
    conversation_retention: Option<Duration>,
    timeout: Duration,
    rate_limit: Option<RateLimit>,
    disable_after: Option<Duration>,
    /// The addresses that destinations may have.
    pub addresses: EgressPolicy,
    /// Certificates of authorities that are trusted besides the public ones.
    pub trusted_certificates: Vec<CertificateDer<'static>>,
}

impl Config {
    /// Reads the environment; an error names the variable that is missing or wrong.
    pub fn read(vars: &impl Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            events_queue_url: vars.text("EVENTS_QUEUE_URL")?,
            deliveries_queue_url: vars.text("DELIVERIES_QUEUE_URL")?,
            dead_letters_queue_url: vars.text("DEAD_LETTERS_QUEUE_URL")?,
            conversations_table: vars.text("CONVERSATIONS_TABLE")?,
            destinations_table: vars.text("DESTINATIONS_TABLE")?,
            secrets_key_arn: vars.text(SECRETS_KEY_ARN)?,
            delivery_log_table: vars.text("DELIVERY_LOG_TABLE")?,
            retention: Retention::read(vars)?,
            conversation_retention: config::conversation_retention(vars)?,
            timeout: Duration::from_secs(vars.number("FUNCTION_TIMEOUT_SECONDS")?),
            rate_limit: config::delivery_rate_limit(vars)?,
            disable_after: config::disable_after(vars)?,
            addresses: egress::policy(vars)?,
            trusted_certificates: egress::trusted_certificates(vars)?,
        })
    }
}

/// The Lambda function.
pub struct Dispatch {
    events: Queue,
    deliveries: Queue,
    dead_letters: Queue,
    fan_out: fan_out::Step,
    recover: recover::Step,
    rate_limiter: RateLimiter<RateTable, Queue>,
    deliver: deliver::Step,
    reconcile: Reconcile<LedgerTable, Queue, Queue>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl Dispatch {
    /// Wires the function, once per process.
    pub fn new(config: Config, clients: Clients, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let sender = HttpSender::new(config.addresses.clone(), &config.trusted_certificates)?;
        Ok(Self::with_sender(config, clients, clock, sender))
    }

    /// Wires the function with `sender`, whose own addresses and certificates apply instead of those of `config`.
    pub fn with_sender(config: Config, clients: Clients, clock: Arc<dyn Clock>, sender: HttpSender) -> Self {
        let Clients { dynamodb, sqs, kms } = clients;
        let decryptor = KmsDecryptor::new(kms, config.secrets_key_arn, Arc::clone(&clock));
        let queue = |url| Queue::new(sqs.clone(), url);
        let events = queue(config.events_queue_url);
        let deliveries = queue(config.deliveries_queue_url);
        let log = config.delivery_log_table;
        let rates = RateTable::new(dynamodb.clone(), log.clone());
        let ledger = LedgerTable::new(dynamodb.clone(), log.clone(), config.retention);
        let destinations = DestinationTable::new(dynamodb.clone(), config.destinations_table.clone());
        let circuit_breaker = Arc::new(CircuitBreaker::default());
        let conversations =
            ConversationTable::new(dynamodb.clone(), config.conversations_table, Arc::clone(&clock))
                .with_retention(config.conversation_retention);
        let stored = EventTable::new(dynamodb.clone(), log.clone(), Arc::clone(&clock));
        let recover = Recover::new(
            DeliveryLogTable::new(dynamodb.clone(), log.clone(), config.retention, Arc::clone(&clock)),
            destinations.clone(),
            RecoveryTable::new(dynamodb.clone(), log.clone(), config.retention, Arc::clone(&clock)),
            deliveries.clone(),
            events.clone(),
            Arc::clone(&clock),
        );
        let context = ContextTables::new(dynamodb, config.destinations_table, log, Arc::clone(&clock));
        Self {
            fan_out: FanOut::new(
                conversations,
                stored,
                deliveries.clone(),
                events.clone(),
                destinations.clone(),
                ledger.clone(),
                config.retention.duration(),
                Arc::clone(&clock),
            ),
            recover,
            rate_limiter: RateLimiter::new(
                rates,
                deliveries.clone(),
                config.rate_limit,
                Arc::clone(&circuit_breaker),
                config.retention.duration(),
                Arc::clone(&clock),
                Arc::new(SystemRandomness),
            ),
            deliver: Deliver::new(
                ledger.clone(),
                context,
                decryptor,
                sender,
                deliveries.clone(),
                Monitor::new(destinations, events.clone(), config.disable_after),
                circuit_breaker,
                Arc::clone(&clock),
            ),
            reconcile: Reconcile::new(ledger, deliveries.clone(), events.clone(), Arc::clone(&clock)),
            events,
            deliveries,
            dead_letters: queue(config.dead_letters_queue_url),
            timeout: config.timeout,
            clock,
        }
    }

    /// Handles one invocation: a batch of one queue. SQS deletes every message that the answer does not name.
    pub async fn handle(&self, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
        let batch = Batch::read(event.payload)?;
        let deadline = deadline::of(&event.context, self.timeout, &*self.clock);
        let invocation = Invocation { id: event.context.request_id.clone(), deadline };
        let done = deadline::until(deadline, &self.clock, self.run(&batch, &invocation)).await?;
        Ok(batch.answer(&done))
    }

    /// Returns the ids of the messages that are done.
    async fn run<'a>(&self, batch: &'a Batch, invocation: &Invocation) -> Result<HashSet<&'a str>, Error> {
        match batch.source.as_str() {
            arn if self.deliveries.is_source(arn) => {
                Ok(deliver::run(&self.rate_limiter, &self.deliver, batch, invocation).await)
            }
            arn if self.events.is_source(arn) => {
                let (mut done, taken) =
                    join(fan_out::run(&self.fan_out, batch), recover::run(&self.recover, batch)).await;
                done.extend(taken);
                Ok(done)
            }
            arn if self.dead_letters.is_source(arn) => Ok(reconcile::run(&self.reconcile, batch).await),
            arn => Err(format!("a batch came from an unknown queue: {arn}").into()),
        }
    }
}
