//! The AWS clients, built once per process.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetrySpec;

/// Attempts of one call, the first included: after that, the queue retries.
const MAX_ATTEMPTS: u32 = 3;

/// How long a connection may idle. Services close idle ones, and a frozen sandbox does not notice.
const MAX_IDLE: Duration = Duration::from_secs(20);

/// A call inside a region returns in milliseconds; one that takes seconds is lost.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Loads region, credentials and endpoints as AWS's own tools do, `AWS_ENDPOINT_URL*` included. TLS uses *ring*: aws-lc
/// spends 31 ms of CPU the first time that a process needs randomness.
#[must_use]
pub fn loader() -> ConfigLoader {
    loader_with(MAX_IDLE)
}

fn loader_with(max_idle: Duration) -> ConfigLoader {
    let https = aws_smithy_http_client::Builder::new()
        .pool_idle_timeout(max_idle)
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring));
    // A call that failed in transit is repeated within 50 ms, one that was throttled within a second.
    let retries = RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS).with_retry_spec(RetrySpec::v2_1());
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(CALL_TIMEOUT);
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(https.build_https())
        .retry_config(retries)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Instant;

    use aws_config::Region;
    use aws_sdk_dynamodb::config::Credentials;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::*;

    async fn client(listener: &TcpListener, max_idle: Duration) -> aws_sdk_dynamodb::Client {
        let config = loader_with(max_idle)
            .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("a", "b", None, None, "test"));
        aws_sdk_dynamodb::Client::new(&config.load().await)
    }

    /// While the sandbox was frozen, the service closed the connection. Every second call finds it so.
    #[tokio::test]
    async fn a_call_over_a_stale_connection_is_tried_again_at_once() {
        const CALLS: usize = 8;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(&listener, MAX_IDLE).await;
        let server = async {
            for connection in 0..2 * CALLS {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await.unwrap();
                if connection % 2 == 1 {
                    let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
                    stream.write_all(answer).await.unwrap();
                }
            }
        };
        let calls = async {
            let start = Instant::now();
            for _ in 0..CALLS {
                client.list_tables().send().await.unwrap();
            }
            start.elapsed()
        };
        let (took, ()) = tokio::join!(calls, server);
        assert!(took < Duration::from_secs(1), "{took:?}");
    }

    /// Counts the connections of two calls with a pause between them.
    async fn connections(max_idle: Duration, pause: Duration) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(&listener, max_idle).await;
        let accepted = AtomicUsize::new(0);
        let server = async {
            let mut open = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                accepted.fetch_add(1, Relaxed);
                open.spawn(async move {
                    while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                        stream.write_all(answer).await.unwrap();
                    }
                });
            }
        };
        let calls = async {
            client.list_tables().send().await.unwrap();
            tokio::time::sleep(pause).await;
            client.list_tables().send().await.unwrap();
        };
        tokio::select! {
            () = calls => accepted.load(Relaxed),
            () = server => 0,
        }
    }

    #[tokio::test]
    async fn a_connection_that_idled_too_long_is_not_used_again() {
        let pause = Duration::from_millis(200);
        assert_eq!(connections(MAX_IDLE, pause).await, 1);
        assert_eq!(connections(pause / 4, pause).await, 2);
    }
}
