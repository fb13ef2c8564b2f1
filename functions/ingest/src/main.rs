//! Entry point of the Lambda function.

use std::sync::Arc;

use adapters::aws::{self, Clients};
use adapters::config::Environment;
use adapters::system::{SystemClock, SystemRandomness};
use ingest::{Config, Ingest};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    adapters::telemetry::Config::read(&Environment)?.start();
    let clients = Clients::new(&aws::config(Environment)?);
    let config = Config::read(&Environment)?;
    let ingest = Ingest::new(config, clients, Arc::new(SystemClock), Arc::new(SystemRandomness));
    run(service_fn(|event: LambdaEvent<_>| ingest.handle(event))).await
}
