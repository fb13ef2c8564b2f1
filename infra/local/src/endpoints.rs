//! DynamoDB, SQS and KMS on sockets of this machine, and the SDK clients that speak to them.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use adapters::aws::Clients;
use aws_config::Region;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::Credentials;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::clock::Clock;
use crate::dynamodb::DynamoDb;
use crate::kms::Kms;
use crate::sqs::Sqs;

/// What our endpoints are told as region.
pub const REGION: &str = "us-east-1";
/// And as credentials. They check neither.
const CREDENTIAL: &str = "local";

/// The endpoints of this machine. They stop when dropped.
pub struct Endpoints {
    /// The key that secrets are sealed under.
    pub kms: Kms,
    dynamodb: DynamoDb,
    sqs_address: SocketAddr,
    kms_address: SocketAddr,
    served: [AbortHandle; 2],
}

impl Endpoints {
    /// In memory, or in files in this directory.
    pub async fn start(data: Option<&Path>, clock: &Clock) -> io::Result<Self> {
        let dynamodb = DynamoDb::start(data.map(|data| data.join("dynamodb.sqlite")).as_deref())?;
        let sqs = match data {
            Some(data) => Sqs::open(data.join("sqs.sqlite"), clock.clone()).map_err(io::Error::other)?,
            None => Sqs::in_memory(clock.clone()),
        };
        let kms = data.map_or_else(|| Ok(Kms::in_memory()), Kms::open)?;
        let (listener, sqs_address) = listen().await?;
        let sqs = tokio::spawn(async move {
            if let Err(error) = sqs.serve(listener).await {
                tracing::error!(%error, "sqs.not_served");
            }
        });
        let (listener, kms_address) = listen().await?;
        let kms_served = tokio::spawn({
            let kms = kms.clone();
            async move {
                if let Err(error) = kms.serve(listener).await {
                    tracing::error!(%error, "kms.not_served");
                }
            }
        });
        let served = [sqs.abort_handle(), kms_served.abort_handle()];
        Ok(Self { kms, dynamodb, sqs_address, kms_address, served })
    }

    /// The variables that point an AWS SDK here, for processes and for people.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        [
            ("AWS_ACCESS_KEY_ID", CREDENTIAL.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", CREDENTIAL.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.url()),
            ("AWS_ENDPOINT_URL_SQS", self.sqs_url()),
            ("AWS_ENDPOINT_URL_KMS", self.kms_url()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// The real SDK clients, pointed here. Each service has an endpoint of its own.
    pub async fn clients(&self) -> Clients {
        let shared = adapters::aws::loader()
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new(CREDENTIAL, CREDENTIAL, None, None, "local"))
            // A long poll holds its answer back for up to 20 s.
            .timeout_config(TimeoutConfig::disabled())
            .load()
            .await;
        let at = |url: String| shared.to_builder().endpoint_url(url).build();
        Clients {
            dynamodb: aws_sdk_dynamodb::Client::new(&at(self.dynamodb.url())),
            sqs: aws_sdk_sqs::Client::new(&at(self.sqs_url())),
            kms: aws_sdk_kms::Client::new(&at(self.kms_url())),
        }
    }

    fn sqs_url(&self) -> String {
        format!("http://{}", self.sqs_address)
    }

    fn kms_url(&self) -> String {
        format!("http://{}", self.kms_address)
    }
}

async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

impl Drop for Endpoints {
    fn drop(&mut self) {
        self.served.iter().for_each(AbortHandle::abort);
    }
}
