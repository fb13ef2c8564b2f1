//! DynamoDB, SQS and KMS endpoints on this machine, and SDK clients for them.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use adapters::aws::{self, Builder, Clients, SdkConfig, Sqs};
use adapters::config::ConfigError;
use aws_sdk_sqs::config::StalledStreamProtectionConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::clock::Clock;
use crate::direct::Direct;
use crate::dynamodb::DynamoDb;
use crate::kms::Kms;
use crate::lambda::trace::PassTraceOn;
use crate::private;
use crate::sqs;

/// The region that SDK clients name; the endpoints do not check it.
pub const REGION: &str = "us-east-1";
/// The credentials that SDK clients sign with; the endpoints do not check them.
const CREDENTIAL: &str = "local";

/// The running endpoints. They stop when dropped.
pub struct Endpoints {
    /// The KMS endpoint. Its key is always the stack's own, because only this stack's functions use it.
    pub kms: Kms,
    kms_url: String,
    sqs_url: String,
    dynamodb: DynamoDb,
    direct: Direct,
    served: [AbortHandle; 2],
}

impl Endpoints {
    /// Starts the endpoints, in memory or with their data in files in this directory.
    pub async fn start(data: Option<&Path>, clock: &Clock) -> io::Result<Self> {
        let file = data.map(|data| data.join("dynamodb.sqlite"));
        if let Some(file) = &file {
            private::prepare_database(file)?;
        }
        let dynamodb = DynamoDb::start(file.as_deref(), clock)?;
        let (listener, sqs_url) = listen().await?;
        let sqs = open_sqs(data, clock)?;
        let sqs_handler = sqs.handler();
        let sqs_served = serve("sqs", async move { sqs.serve(listener).await });
        let kms = data.map_or_else(|| Ok(Kms::in_memory()), Kms::open)?;
        let (listener, kms_url) = listen().await?;
        let kms_server = kms.clone();
        let kms_served = serve("kms", async move { kms_server.serve(listener).await });
        let direct = Direct::new([
            (dynamodb.url(), dynamodb.handler()),
            (sqs_url.clone(), sqs_handler),
            (kms_url.clone(), kms.handler()),
        ]);
        Ok(Self { kms, kms_url, sqs_url, dynamodb, direct, served: [sqs_served, kms_served] })
    }

    /// The variables that point an AWS SDK at the endpoints, for processes and for people.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        let variables = [
            ("AWS_ACCESS_KEY_ID", CREDENTIAL.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", CREDENTIAL.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.url()),
            ("AWS_ENDPOINT_URL_SQS", self.sqs_url.clone()),
            ("AWS_ENDPOINT_URL_KMS", self.kms_url.clone()),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// The real SDK clients. Each service has its own endpoint.
    pub fn clients(&self) -> Result<Clients, ConfigError> {
        Ok(clients(&self.config()?.build()))
    }

    /// The same clients, but they call the endpoints without a socket.
    pub fn direct_clients(&self) -> Result<Clients, ConfigError> {
        Ok(clients(&self.config()?.http_client(self.direct.clone()).build()))
    }

    fn config(&self) -> Result<Builder, ConfigError> {
        // A long poll takes up to 20 s, in which not a byte moves.
        let config = aws::config(self.variables())?.into_builder();
        let config = config.stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        Ok(config.timeout_config(TimeoutConfig::disabled()))
    }
}

/// Creates SDK clients that pass the trace of an invocation on, as those of a function do in Lambda.
#[must_use]
pub fn clients(config: &SdkConfig) -> Clients {
    let sqs = aws_sdk_sqs::config::Builder::from(config).interceptor(PassTraceOn);
    Clients { sqs: Sqs::from_conf(sqs.build()), ..Clients::new(config) }
}

fn open_sqs(data: Option<&Path>, clock: &Clock) -> io::Result<sqs::Sqs> {
    match data {
        Some(data) => {
            let file = data.join("sqs.sqlite");
            private::prepare_database(&file)?;
            sqs::Sqs::open(file, clock.clone()).map_err(io::Error::other)
        }
        None => Ok(sqs::Sqs::in_memory(clock.clone())),
    }
}

fn serve(
    service: &'static str,
    served: impl Future<Output = io::Result<()>> + Send + 'static,
) -> AbortHandle {
    let served = async move {
        if let Err(error) = served.await {
            tracing::error!(%error, service, "endpoint.not_served");
        }
    };
    tokio::spawn(served).abort_handle()
}

async fn listen() -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

impl Drop for Endpoints {
    fn drop(&mut self) {
        self.served.iter().for_each(AbortHandle::abort);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_long_poll_without_a_message_is_no_failure() {
        let endpoints = Endpoints::start(None, &Clock::system()).await.unwrap();
        let clients = [endpoints.clients().unwrap(), endpoints.direct_clients().unwrap()];
        join_all(clients.map(async |clients| {
            let queue = clients.sqs.create_queue().queue_name("events").send().await.unwrap();
            let poll = clients.sqs.receive_message().set_queue_url(queue.queue_url).wait_time_seconds(12);
            assert!(poll.send().await.unwrap().messages.unwrap_or_default().is_empty());
        }))
        .await;
    }
}
