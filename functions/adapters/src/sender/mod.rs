//! The one HTTP client that talks to customers' servers: one request for each call, to permitted addresses only.
//!
//! [`client`] builds it, [`names`] resolves to permitted addresses, [`verifier`] verifies certificates, [`form`] is the body
//! that is sent, [`sessions`] has the TLS sessions that are resumed, [`answer`] and [`excerpt`] read the response, [`phase`]
//! tracks how far a request got, and [`failure`] and [`tls`] describe what went wrong.

mod answer;
mod client;
mod excerpt;
mod failure;
mod form;
#[cfg(test)]
mod fuzz;
mod names;
mod phase;
mod sessions;
mod tls;
mod verifier;

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::delivery::deliver::ATTEMPT_LIMIT;
use domain::delivery::outcome::{CONNECT_LIMIT, Outcome, OutcomeClass};
use domain::delivery::request::{WebhookRequest, WebhookSender};
use domain::destination::egress::EgressPolicy;
use domain::destination::record::RequestType;
use domain::destination::target_url::check_egress;
use reqwest::{Body, Method};

use self::answer::Answer;
pub use self::client::SetupError;
use self::failure::Failure;
use self::form::Form;
pub use self::names::{NameResolver, SystemResolver};
pub use rustls::pki_types::CertificateDer;

/// Time limits of an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For name resolution, connection and TLS handshake together. The product's limit is 3 s.
    pub connect: Duration,
    /// For the whole attempt, the response's body included. The product's limit is [`ATTEMPT_LIMIT`].
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: CONNECT_LIMIT, total: ATTEMPT_LIMIT }
    }
}

/// Sends webhooks over HTTPS.
#[derive(Clone)]
pub struct HttpSender {
    client: reqwest::Client,
    policy: EgressPolicy,
    limits: Limits,
}

impl HttpSender {
    /// A sender with the product's limits and the system's name resolution. `extra_roots` are trusted besides the
    /// public certificate authorities; an example is the local stack's own authority.
    pub fn new(policy: EgressPolicy, extra_roots: &[CertificateDer<'static>]) -> Result<Self, SetupError> {
        Self::with(policy, extra_roots, Limits::default(), Arc::new(SystemResolver))
    }

    /// A sender with other limits and another name resolver.
    pub fn with(
        policy: EgressPolicy,
        extra_roots: &[CertificateDer<'static>],
        limits: Limits,
        resolver: Arc<dyn NameResolver>,
    ) -> Result<Self, SetupError> {
        Ok(Self { client: client::build(&policy, extra_roots, limits.connect, resolver)?, policy, limits })
    }

    /// Fills in the answer as it arrives, so that the part received before a failure is kept.
    async fn exchange(&self, request: WebhookRequest, answer: &mut Answer) -> reqwest::Result<()> {
        let mut sending = self
            .client
            .request(method(request.method), request.url)
            .body(Body::wrap(Form::new(request.body)));
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
        // A name's addresses are checked when it is resolved, but an address in the URL itself is never resolved.
        if let Err(invalid) = check_egress(&request.url, &self.policy) {
            let error = format!("The URL {}.", invalid.rule);
            return Outcome::failed(OutcomeClass::Blocked, error, started.elapsed());
        }
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let mut answer = Answer::default();
        let exchange = tokio::time::timeout(self.limits.total, self.exchange(request, &mut answer));
        let failure = match phase::tracked(exchange).await {
            (Ok(Ok(())), _) => None,
            (Ok(Err(error)), phase) => Some(Failure::of(&error, phase, &host, self.limits.connect)),
            (Err(_), _) => Some(Failure::timeout(self.limits.total, answer.has_begun())),
        };
        answer.into_outcome(failure, started.elapsed())
    }
}
