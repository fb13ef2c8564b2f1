//! Entry point of the Lambda function.

use std::sync::Arc;

use adapters::aws::{self, DynamoDb, Kms};
use adapters::config::Environment;
use adapters::system::{SystemClock, SystemRandomness};
use destinations::{Config, Manage};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    adapters::telemetry::Config::read(&Environment)?.start();
    let aws = aws::config(Environment)?;
    let config = Config::read(&Environment)?;
    let (dynamodb, kms) = (DynamoDb::new(&aws), Kms::new(&aws));
    let manage = Manage::new(config, dynamodb, kms, Arc::new(SystemClock), Arc::new(SystemRandomness));
    run(service_fn(|event: LambdaEvent<_>| manage.handle(event))).await
}
