//! The function as Lambda runs it.

use std::sync::Arc;

use adapters::aws::Clients;
use adapters::config::Environment;
use adapters::sender::HttpSender;
use adapters::system::SystemClock;
use dispatch::{Config, Dispatch};
use domain::address::AddressPolicy;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    adapters::telemetry::start();
    let clients = Clients::from_environment().await;
    let sender = HttpSender::new(AddressPolicy::PublicOnly, &[])?;
    let dispatch = Dispatch::new(Config::read(&Environment)?, clients, sender, Arc::new(SystemClock));
    run(service_fn(|event: LambdaEvent<_>| dispatch.handle(event))).await
}
