//! The one HTTP client that talks to customers' servers. One request for each call, and only to public addresses.
//!
//! [`client`] builds it, [`names`] keeps it from private addresses, [`failure`] says what went wrong, [`answer`] and
//! [`excerpt`] what came back, [`step`] how far a request came.

mod answer;
mod client;
mod excerpt;
mod failure;
#[cfg(test)]
mod fuzz;
mod names;
mod step;
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::delivery::deliver::ATTEMPT_LIMIT;
use domain::delivery::outcome::{Outcome, OutcomeClass};
use domain::delivery::request::WebhookRequest;
use domain::delivery::request::WebhookSender;
use domain::destination::egress::EgressPolicy;
use domain::destination::record::RequestType;
use domain::destination::target_url::check_egress;
use reqwest::Method;

use self::answer::Answer;
pub use self::client::SetupError;
use self::failure::Failure;
pub use self::names::{Names, SystemNames};
pub use rustls::pki_types::CertificateDer;

/// How long an attempt may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Over name resolution, connection and TLS handshake together. The product's limit is 3 s.
    pub connect: Duration,
    /// Over all of it, the response's body included. The product's limit is [`ATTEMPT_LIMIT`].
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), total: ATTEMPT_LIMIT }
    }
}

/// Sends webhooks over https.
#[derive(Clone)]
pub struct HttpSender {
    client: reqwest::Client,
    policy: EgressPolicy,
    limits: Limits,
}

impl HttpSender {
    /// With the product's limits and the system's name resolution. `extra_roots` are trusted besides the public
    /// certificate authorities, such as the local stack's own.
    pub fn new(policy: EgressPolicy, extra_roots: &[CertificateDer<'static>]) -> Result<Self, SetupError> {
        Self::with(policy, extra_roots, Limits::default(), Arc::new(SystemNames))
    }

    /// The same with other limits and another way to resolve names.
    pub fn with(
        policy: EgressPolicy,
        extra_roots: &[CertificateDer<'static>],
        limits: Limits,
        names: Arc<dyn Names>,
    ) -> Result<Self, SetupError> {
        Ok(Self { client: client::build(&policy, extra_roots, limits.connect, names)?, policy, limits })
    }

    /// Fills in the answer as it arrives, so that what came before a failure is kept.
    async fn exchange(&self, request: WebhookRequest, answer: &mut Answer) -> reqwest::Result<()> {
        let mut sending = self.client.request(method(request.method), request.url).body(request.body);
        for (name, value) in &request.headers {
            sending = sending.header(name, value);
        }
        answer.read(sending.send().await?).await;
        Ok(())
    }
}

fn method(request_type: RequestType) -> Method {
    match request_type {
        RequestType::Get => Method::GET,
        RequestType::Post => Method::POST,
        RequestType::Patch => Method::PATCH,
        RequestType::Put => Method::PUT,
    }
}

impl WebhookSender for HttpSender {
    async fn send(&self, request: WebhookRequest) -> Outcome {
        let started = Instant::now();
        // Before anything else: a name's addresses are checked when it is resolved, but an address in the URL itself
        // is never resolved.
        if let Err(invalid) = check_egress(&request.url, &self.policy) {
            let error = format!("The URL {}.", invalid.rule);
            return Outcome::failed(OutcomeClass::Blocked, error, started.elapsed());
        }
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let mut answer = Answer::default();
        let exchange = tokio::time::timeout(self.limits.total, self.exchange(request, &mut answer));
        let failure = match step::tracked(exchange).await {
            (Ok(Ok(())), _) => None,
            (Ok(Err(error)), step) => Some(Failure::of(&error, step, &host, self.limits.connect)),
            (Err(_), _) => Some(Failure::timeout(self.limits.total, answer.has_begun())),
        };
        answer.into_outcome(failure, started.elapsed())
    }
}
