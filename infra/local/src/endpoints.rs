//! DynamoDB, SQS and KMS endpoints on this machine, and SDK clients for them.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use adapters::aws::Clients;
use aws_config::timeout::TimeoutConfig;
use aws_config::{ConfigLoader, Region};
use aws_sdk_sqs::config::Credentials;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::clock::Clock;
use crate::direct::Direct;
use crate::dynamodb::DynamoDb;
use crate::kms::Kms;
use crate::lambda::trace::PassTraceOn;
use crate::private;
use crate::sqs::Sqs;

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
    pub async fn clients(&self) -> Clients {
        clients(&self.variables(), loader()).await
    }

    /// The same clients, but they call the endpoints without a socket.
    pub async fn direct_clients(&self) -> Clients {
        clients(&self.variables(), loader().http_client(self.direct.clone())).await
    }
}

fn loader() -> ConfigLoader {
    // A long poll takes up to 20 s.
    adapters::aws::loader().timeout_config(TimeoutConfig::disabled())
}

/// Creates SDK clients for the endpoints in these variables: [`Endpoints::variables`], or a changed copy.
pub async fn clients(variables: &BTreeMap<String, String>, loader: ConfigLoader) -> Clients {
    let of = |name: &str| variables.get(name).cloned().unwrap_or_default();
    let shared = loader
        .region(Region::new(of("AWS_REGION")))
        .credentials_provider(Credentials::new(
            of("AWS_ACCESS_KEY_ID"),
            of("AWS_SECRET_ACCESS_KEY"),
            None,
            None,
            "local",
        ))
        .load()
        .await;
    // Not in `shared`, where this process's variable `AWS_ENDPOINT_URL` would take precedence.
    let url = |service| of(&format!("AWS_ENDPOINT_URL_{service}"));
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(&shared).endpoint_url(url("DYNAMODB"));
    let sqs = aws_sdk_sqs::config::Builder::from(&shared).endpoint_url(url("SQS")).interceptor(PassTraceOn);
    let kms = aws_sdk_kms::config::Builder::from(&shared).endpoint_url(url("KMS"));
    Clients {
        dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
        sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
        kms: aws_sdk_kms::Client::from_conf(kms.build()),
    }
}

fn open_sqs(data: Option<&Path>, clock: &Clock) -> io::Result<Sqs> {
    match data {
        Some(data) => {
            let file = data.join("sqs.sqlite");
            private::prepare_database(&file)?;
            Sqs::open(file, clock.clone()).map_err(io::Error::other)
        }
        None => Ok(Sqs::in_memory(clock.clone())),
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
