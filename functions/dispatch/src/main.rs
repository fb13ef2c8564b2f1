//! Entry point of the Lambda function.

use std::sync::Arc;

use adapters::aws::{self, Clients};
use adapters::config::Environment;
use adapters::system::SystemClock;
use dispatch::{Config, Dispatch};
use domain::shared::skew_corrected_clock::SkewCorrectedClock;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    adapters::telemetry::Config::read(&Environment)?.start();
    let clock = Arc::new(SkewCorrectedClock::new(Arc::new(SystemClock)));
    let clients = Clients::new(&aws::config(Environment)?).with_skew_correction(&clock);
    let dispatch = Dispatch::new(Config::read(&Environment)?, clients, clock)?;
    run(service_fn(|event: LambdaEvent<_>| dispatch.handle(event))).await
}
