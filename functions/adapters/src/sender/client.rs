//! The HTTP client's settings. Most of them turn off a convenience of HTTP clients.

use std::sync::Arc;
use std::time::Duration;

use domain::destination::egress::EgressPolicy;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::names::{GuardedResolver, NameResolver};
use super::phase::HandshakeWatch;

/// The maximum number of response headers: hyper's default, set explicitly because an error text names it. The size of
/// the head cannot be set: hyper reads up to 408 KiB of it.
pub(super) const MAX_HEADERS: usize = 100;

/// Why the sender could not be created.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A root certificate is invalid, or rustls cannot be configured.
    #[error("TLS for webhooks could not be set up")]
    Tls(#[from] rustls::Error),
    /// The client cannot be built.
    #[error("the HTTP client for webhooks could not be set up")]
    Client(#[from] reqwest::Error),
}

pub(super) fn build(
    policy: &EgressPolicy,
    extra_roots: &[CertificateDer<'static>],
    connect_limit: Duration,
    resolver: Arc<dyn NameResolver>,
) -> Result<reqwest::Client, SetupError> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls(extra_roots)?)
        .https_only(true)
        .http1_only()
        .http1_max_headers(MAX_HEADERS)
        .dns_resolver(GuardedResolver::new(policy.clone(), resolver))
        .connect_timeout(connect_limit)
        // A redirect is returned as the response: following it would send the payload to a URL that nobody registered.
        .redirect(reqwest::redirect::Policy::none())
        // A proxy from the environment would connect in our place, to addresses that we have not checked.
        .no_proxy()
        // The ledger counts requests, so the client must not send any that the ledger does not know.
        .retry(reqwest::retry::never())
        // A new connection for each request. The server may close an idle one, especially while Lambda has frozen this
        // process, and a request on it then costs an attempt or is repeated without the ledger's knowledge. The
        // deliveries of a batch are sent concurrently, so there would be little to reuse; TLS sessions are resumed.
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
