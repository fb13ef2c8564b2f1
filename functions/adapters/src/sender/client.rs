//! The HTTP client's settings. Most of them turn off a convenience of HTTP clients.

use std::sync::Arc;
use std::time::Duration;

use domain::destination::egress::EgressPolicy;
use rustls::ClientConfig;
use rustls::client::{Resumption, VerifierBuilderError, WebPkiServerVerifier};
use rustls::pki_types::CertificateDer;

use super::names::{GuardedResolver, NameResolver};
use super::phase::HandshakeWatch;
use super::sessions::Sessions;
use super::verifier::Verifier;
use crate::roots;

/// The maximum number of response headers, far above what servers send. The parser makes room for all of them at each
/// interim response, so that a larger number makes a flood of those more expensive. The size of the head cannot be set:
/// hyper reads up to 408 KiB of it.
pub(super) const MAX_HEADERS: usize = 1_000;

/// Why the sender could not be created.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A root certificate is invalid, or rustls cannot be configured.
    #[error("TLS for webhooks could not be set up")]
    Tls(#[from] rustls::Error),
    /// There are no root certificates.
    #[error("TLS for webhooks could not be set up")]
    Verifier(#[from] VerifierBuilderError),
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
        // The status decides, so header lines that break the rules are folded, trimmed or ignored: a warning that PHP
        // prints among them must not turn a success into a failure.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
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

fn tls(extra_roots: &[CertificateDer<'static>]) -> Result<ClientConfig, SetupError> {
    let mut roots = roots::public();
    for root in extra_roots {
        roots.add(root.clone())?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // replaces no rule: see `Verifier`
        .with_custom_certificate_verifier(Arc::new(Verifier(verifier)))
        .with_client_cert_resolver(Arc::new(HandshakeWatch));
    config.resumption = Resumption::store(Arc::new(Sessions::new()));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
