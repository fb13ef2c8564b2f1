//! The function as Lambda runs it.

use std::sync::Arc;

use adapters::aws::Clients;
use adapters::config::Environment;
use adapters::system::{SystemChance, SystemClock};
use destinations::{Config, Manage};
use domain::address::AddressPolicy;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    adapters::telemetry::start();
    let clients = Clients::from_environment().await;
    let manage = Manage::new(
        Config::read(&Environment)?,
        clients,
        AddressPolicy::PublicOnly,
        Arc::new(SystemClock),
        Arc::new(SystemChance),
    );
    run(service_fn(|event: LambdaEvent<_>| manage.handle(event))).await
}
