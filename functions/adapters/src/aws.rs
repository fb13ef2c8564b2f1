//! The AWS clients, built once per process.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};

/// Attempts of one call, the first included: after that, the queue retries.
const MAX_ATTEMPTS: u32 = 3;

/// A call inside a region returns in milliseconds; one that takes seconds is lost.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Loads region, credentials and endpoints as AWS's own tools do, `AWS_ENDPOINT_URL*` included. TLS uses *ring*: aws-lc
/// spends 31 ms of CPU the first time that a process needs randomness.
#[must_use]
pub fn loader() -> ConfigLoader {
    let https = aws_smithy_http_client::Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring));
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(CALL_TIMEOUT);
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(https.build_https())
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
        .timeout_config(timeouts.build())
}

/// The clients that the functions share.
#[derive(Clone)]
pub struct Clients {
    /// For the tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// For the queues.
    pub sqs: aws_sdk_sqs::Client,
    /// For the key that protects secrets.
    pub kms: aws_sdk_kms::Client,
}

impl Clients {
    /// Builds the clients from the process's environment.
    pub async fn from_environment() -> Self {
        let config = loader().load().await;
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
        }
    }
}
