//! Entry point of the Lambda function.

use std::sync::Arc;

use adapters::aws::Clients;
use adapters::config::Environment;
use adapters::system::{SystemClock, SystemRandomness};
use ingest::{Config, Ingest};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    adapters::telemetry::Config::read(&Environment)?.start();
    let clients = Clients::from_environment().await;
    let config = Config::read(&Environment)?;
    let ingest = Ingest::new(config, clients, Arc::new(SystemClock), Arc::new(SystemRandomness));
    run(service_fn(|event: LambdaEvent<_>| ingest.handle(event))).await
}
