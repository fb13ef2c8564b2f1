//! DynamoDB, SQS and KMS, on sockets of this machine unless they are elsewhere, and the SDK clients that speak to them.

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
use crate::dynamodb::DynamoDb;
use crate::elsewhere::Elsewhere;
use crate::kms::Kms;
use crate::sqs::Sqs;

/// What our endpoints are told as region.
pub const REGION: &str = "us-east-1";
/// And as credentials. They check neither.
const CREDENTIAL: &str = "local";

/// The endpoints. Those of this machine stop when dropped.
pub struct Endpoints {
    /// The key that secrets are sealed under. Always our own: it is this stack's functions that use it.
    pub kms: Kms,
    kms_url: String,
    dynamodb_url: String,
    sqs_url: String,
    /// For whoever checks them.
    credentials: BTreeMap<String, String>,
    /// Stops when dropped.
    _dynamodb: Option<DynamoDb>,
    served: Vec<AbortHandle>,
}

impl Endpoints {
    /// All of this machine: in memory, or in files in this directory.
    pub async fn start(data: Option<&Path>, clock: &Clock) -> io::Result<Self> {
        Self::start_beside(&Elsewhere::default(), data, clock).await
    }

    /// Those that are not elsewhere.
    pub async fn start_beside(elsewhere: &Elsewhere, data: Option<&Path>, clock: &Clock) -> io::Result<Self> {
        let mut served = Vec::new();
        let (dynamodb_url, dynamodb) = match &elsewhere.dynamodb {
            Some(url) => (url.clone(), None),
            None => {
                let file = data.map(|data| data.join("dynamodb.sqlite"));
                let dynamodb = DynamoDb::start(file.as_deref(), clock)?;
                (dynamodb.url(), Some(dynamodb))
            }
        };
        let sqs_url = match &elsewhere.sqs {
            Some(url) => url.clone(),
            None => {
                let (listener, url) = listen().await?;
                let sqs = open_sqs(data, clock)?;
                served.push(serve("sqs", async move { sqs.serve(listener).await }));
                url
            }
        };
        let kms = data.map_or_else(|| Ok(Kms::in_memory()), Kms::open)?;
        let (listener, kms_url) = listen().await?;
        let kms_served = kms.clone();
        served.push(serve("kms", async move { kms_served.serve(listener).await }));
        let ours = [
            ("AWS_ACCESS_KEY_ID", CREDENTIAL),
            ("AWS_SECRET_ACCESS_KEY", CREDENTIAL),
            ("AWS_REGION", REGION),
        ];
        let mut credentials: BTreeMap<_, _> =
            ours.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        if !elsewhere.is_nowhere() {
            credentials.extend(elsewhere.credentials.clone());
        }
        Ok(Self { kms, kms_url, dynamodb_url, sqs_url, credentials, _dynamodb: dynamodb, served })
    }

    /// The variables that point an AWS SDK here, for processes and for people.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = self.credentials.clone();
        for (service, url) in
            [("DYNAMODB", &self.dynamodb_url), ("SQS", &self.sqs_url), ("KMS", &self.kms_url)]
        {
            variables.insert(format!("AWS_ENDPOINT_URL_{service}"), url.clone());
        }
        variables
    }

    /// The real SDK clients, pointed here. Each service has an endpoint of its own.
    pub async fn clients(&self) -> Clients {
        // A long poll holds its answer back for up to 20 s.
        let patient = adapters::aws::loader().timeout_config(TimeoutConfig::disabled());
        clients(&self.variables(), patient).await
    }
}

/// SDK clients that are pointed where these variables say: [`Endpoints::variables`], or some of those changed.
pub async fn clients(variables: &BTreeMap<String, String>, loader: ConfigLoader) -> Clients {
    let of = |name: &str| variables.get(name).cloned().unwrap_or_default();
    let shared = loader
        .region(Region::new(of("AWS_REGION")))
        .credentials_provider(Credentials::new(
            of("AWS_ACCESS_KEY_ID"),
            of("AWS_SECRET_ACCESS_KEY"),
            variables.get("AWS_SESSION_TOKEN").cloned(),
            None,
            "local",
        ))
        .load()
        .await;
    // Not into `shared`: there, a variable of this process that names all services' endpoint would go before it.
    let url = |service| of(&format!("AWS_ENDPOINT_URL_{service}"));
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(&shared).endpoint_url(url("DYNAMODB"));
    let sqs = aws_sdk_sqs::config::Builder::from(&shared).endpoint_url(url("SQS"));
    let kms = aws_sdk_kms::config::Builder::from(&shared).endpoint_url(url("KMS"));
    Clients {
        dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
        sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
        kms: aws_sdk_kms::Client::from_conf(kms.build()),
    }
}

fn open_sqs(data: Option<&Path>, clock: &Clock) -> io::Result<Sqs> {
    match data {
        Some(data) => Sqs::open(data.join("sqs.sqlite"), clock.clone()).map_err(io::Error::other),
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
