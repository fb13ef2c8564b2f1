//! Entry point of the Lambda function.

use std::sync::Arc;

use adapters::aws::Clients;
use adapters::config::Environment;
use adapters::system::SystemClock;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use query::{Config, Query};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    adapters::telemetry::Config::read(&Environment)?.start();
    let clients = Clients::from_environment().await;
    let query = Query::new(Config::read(&Environment)?, clients, Arc::new(SystemClock));
    run(service_fn(|event: LambdaEvent<_>| query.handle(event))).await
}
