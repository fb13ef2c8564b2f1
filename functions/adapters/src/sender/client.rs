//! The client's settings. Each says no to something that HTTP clients do for convenience.

use std::sync::Arc;
use std::time::Duration;

use domain::destination::egress::EgressPolicy;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::names::{GuardedResolver, Names};
use super::step::HandshakeWatch;

/// Most headers of a response: hyper's default, written down because an error's sentence names it. The size of the head
/// cannot be set: hyper reads up to 408 KiB of it.
pub(super) const MAX_HEADERS: usize = 100;

/// Why the sender could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A root certificate, or rustls itself.
    #[error("TLS for webhooks could not be set up")]
    Tls(#[from] rustls::Error),
    /// The client.
    #[error("the HTTP client for webhooks could not be set up")]
    Client(#[from] reqwest::Error),
}

pub(super) fn build(
    policy: &EgressPolicy,
    extra_roots: &[CertificateDer<'static>],
    connect_limit: Duration,
    names: Arc<dyn Names>,
) -> Result<reqwest::Client, SetupError> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls(extra_roots)?)
        .https_only(true)
        .http1_only()
        .http1_max_headers(MAX_HEADERS)
        .dns_resolver(GuardedResolver::new(policy.clone(), names))
        .connect_timeout(connect_limit)
        // A redirect is an answer: following it would send the payload to a place that nobody registered.
        .redirect(reqwest::redirect::Policy::none())
        // A proxy from the environment would connect for us, and its addresses are not the ones we check.
        .no_proxy()
        // The ledger counts requests, so each of them has to be one that it knows of.
        .retry(reqwest::retry::never())
        // A new connection for each request. A kept one may be closed by its server, all the more while Lambda has us
        // frozen, and a request on it then costs an attempt or is sent again behind the ledger's back. The deliveries
        // of a batch leave at the same time, so there would be little to reuse; TLS sessions are resumed.
        .pool_max_idle_per_host(0)
        .build()?;
    Ok(client)
}

fn tls(extra_roots: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for root in extra_roots {
        roots.add(root.clone())?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(HandshakeWatch));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
