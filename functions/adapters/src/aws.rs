//! The AWS clients, built once per process.
//!
//! Only what Lambda gives a function is read: region, credentials and endpoints from environment variables. The SDK's
//! own loader also links profiles, SSO, STS and the metadata services of EC2 and ECS.

mod http;
mod kms;

use std::fmt;
use std::time::Duration;

pub use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
pub use aws_sdk_sqs::Client as Sqs;
use aws_smithy_types::retry::{RetryConfig, RetrySpec};
use aws_smithy_types::timeout::TimeoutConfig;
pub use aws_types::SdkConfig;
use aws_types::origin::Origin;
pub use aws_types::sdk_config::Builder;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use self::http::Http1;
pub use self::kms::Kms;
use crate::config::{ConfigError, Vars};

/// Attempts of one call, the first included: after that, the queue retries.
const MAX_ATTEMPTS: u32 = 3;

/// How long a connection may idle. Services close idle ones, and a frozen sandbox does not notice.
const MAX_IDLE: Duration = Duration::from_secs(20);

/// A call inside a region returns in milliseconds; one that takes seconds is lost.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What the clients share, from the variables that AWS's own tools read, too: `AWS_REGION`, the credentials, and
/// `AWS_ENDPOINT_URL*` where it is not AWS itself that is called.
pub fn config(vars: impl Vars + Send + Sync + 'static) -> Result<SdkConfig, ConfigError> {
    let credentials = Credentials::new(
        vars.text("AWS_ACCESS_KEY_ID")?,
        vars.text("AWS_SECRET_ACCESS_KEY")?,
        vars.optional("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    // A call that failed in transit is repeated within 50 ms, one that was throttled within a second.
    let retries = RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS).with_retry_spec(RetrySpec::v2_1());
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(CALL_TIMEOUT);
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(vars.text("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(Http1::new(CONNECT_TIMEOUT, MAX_IDLE))
        .retry_config(retries)
        .timeout_config(timeouts.build());
    // Without it, DynamoDB's client makes four attempts.
    config.insert_origin("retry_config", Origin::shared_config());
    config.set_endpoint_url(vars.optional("AWS_ENDPOINT_URL"));
    Ok(config.service_config(Endpoints(vars)).build())
}

/// The endpoint of each service that has a variable of its own, such as `AWS_ENDPOINT_URL_SQS`.
struct Endpoints<V>(V);

impl<V> fmt::Debug for Endpoints<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoints")
    }
}

impl<V: Vars + Send + Sync> LoadServiceConfig for Endpoints<V> {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        self.0.get(&format!("{}_{}", key.env(), key.service_id().to_uppercase()))
    }
}

/// The clients of a function that uses all three services.
#[derive(Clone)]
pub struct Clients {
    /// For the tables.
    pub dynamodb: DynamoDb,
    /// For the queues.
    pub sqs: Sqs,
    /// For the key that protects secrets.
    pub kms: Kms,
}

impl Clients {
    /// Builds the clients.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { dynamodb: DynamoDb::new(config), sqs: Sqs::new(config), kms: Kms::new(config) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::*;

    /// Variables with which every call goes to this listener.
    pub(crate) fn vars(listener: &TcpListener) -> BTreeMap<String, String> {
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let vars = [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
            ("AWS_ENDPOINT_URL", &endpoint),
        ];
        vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn an_error_names_the_missing_variable() {
        let error = config(BTreeMap::from([("AWS_ACCESS_KEY_ID".to_owned(), "a".to_owned())])).unwrap_err();
        assert_eq!(error.to_string(), "the environment variable AWS_SECRET_ACCESS_KEY is not set");
    }

    #[tokio::test]
    async fn a_call_to_any_service_is_attempted_three_times() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let Clients { dynamodb, sqs, kms } = Clients::new(&config(vars(&listener)).unwrap());
        let attempts = AtomicUsize::new(0);
        let server = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await.unwrap();
                attempts.fetch_add(1, Relaxed);
            }
        };
        let calls = async {
            dynamodb.list_tables().send().await.unwrap_err();
            let of_dynamodb = attempts.swap(0, Relaxed);
            sqs.list_queues().send().await.unwrap_err();
            let of_sqs = attempts.swap(0, Relaxed);
            kms.list_keys().send().await.unwrap_err();
            [of_dynamodb, of_sqs, attempts.swap(0, Relaxed)]
        };
        tokio::select! {
            attempts = calls => assert_eq!(attempts, [3, 3, 3]),
            () = server => {}
        }
    }

    fn client(listener: &TcpListener, max_idle: Duration) -> DynamoDb {
        let config = config(vars(listener)).unwrap().into_builder();
        DynamoDb::new(&config.http_client(Http1::new(CONNECT_TIMEOUT, max_idle)).build())
    }

    /// While the sandbox was frozen, the service closed the connection. Every second call finds it so.
    #[tokio::test]
    async fn a_call_over_a_stale_connection_is_tried_again_at_once() {
        const CALLS: usize = 8;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(&listener, MAX_IDLE);
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
        let client = client(&listener, max_idle);
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
