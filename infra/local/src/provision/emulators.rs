//! The emulators that tests talk to over sockets, through the real clients.

use std::net::{Ipv4Addr, SocketAddr};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::sqs::Sqs;

/// A client of an SQS of its own, which lives as long as the test's runtime.
pub(crate) async fn sqs(clock: Clock) -> aws_sdk_sqs::Client {
    let (listener, address) = listen().await;
    tokio::spawn(Sqs::in_memory(clock).serve(listener));
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials())
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    aws_sdk_sqs::Client::from_conf(config.build())
}

/// A client of a DynamoDB of its own, which lives as long as the test's runtime.
pub(crate) async fn dynamodb() -> aws_sdk_dynamodb::Client {
    let (listener, address) = listen().await;
    let database = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials())
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn credentials() -> Credentials {
    Credentials::new("local", "local", None, None, "test")
}
