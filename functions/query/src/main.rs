//! Entry point of the Lambda function.

use std::sync::Arc;

use adapters::aws::{self, DynamoDb};
use adapters::config::Environment;
use adapters::system::SystemClock;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use query::{Config, Query};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    adapters::telemetry::Config::read(&Environment)?.start();
    let dynamodb = DynamoDb::new(&aws::config(Environment)?);
    let query = Query::new(Config::read(&Environment)?, dynamodb, Arc::new(SystemClock));
    run(service_fn(|event: LambdaEvent<_>| query.handle(event))).await
}
