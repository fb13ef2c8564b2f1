//! A local certificate authority, so that the example receiver speaks real TLS.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::private;

/// The names under which clients reach the receiver.
const SERVER_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca-key.pem";

/// Signs certificates that are valid for clients that trust [`Authority::pem`].
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate could not be created, read or stored.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It could not be created, or a stored key could not be read.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// It is not PEM.
    #[error("certificate: {0:?}")]
    Pem(pem::Error),
    /// TLS does not accept it.
    #[error("certificate: {0}")]
    Tls(#[from] rustls::Error),
    /// It could not be read from or written to the data directory.
    #[error("certificate file: {0}")]
    File(#[from] io::Error),
}

impl Authority {
    /// Creates an authority that no client trusts yet.
    pub fn new() -> Result<Self, CertificateError> {
        let key = KeyPair::generate()?;
        let pem = params().self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params(), key) })
    }

    /// Loads the authority from this directory, or creates it there. Clients still trust it after a restart.
    pub fn load_or_create(directory: &Path) -> Result<Self, CertificateError> {
        let (certificate, key) = (directory.join(CERTIFICATE_FILE), directory.join(KEY_FILE));
        if certificate.try_exists()? && key.try_exists()? {
            let key = KeyPair::from_pem(&fs::read_to_string(key)?)?;
            return Ok(Self { pem: fs::read_to_string(certificate)?, issuer: Issuer::new(params(), key) });
        }
        let authority = Self::new()?;
        private::write(&key, authority.issuer.key().serialize_pem().as_bytes())?;
        private::write(&certificate, authority.pem.as_bytes())?;
        Ok(authority)
    }

    /// Its certificate, for clients to trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its certificate in the form that TLS clients take.
    pub fn certificate(&self) -> Result<CertificateDer<'static>, CertificateError> {
        read_certificate(&self.pem)
    }

    /// Its certificate in the form that the parameter `TrustedCertificate` takes.
    pub fn certificate_base64(&self) -> Result<String, CertificateError> {
        Ok(STANDARD.encode(self.certificate()?))
    }

    /// TLS settings for a server on this machine, with a new certificate.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        self.identity()?.server_config()
    }

    /// TLS settings for a server with these names and addresses, with a new certificate.
    pub fn server_config_for(&self, names: &[&str]) -> Result<Arc<ServerConfig>, CertificateError> {
        self.issue(names)?.server_config()
    }

    /// A new certificate for a server on this machine.
    pub fn identity(&self) -> Result<Identity, CertificateError> {
        self.issue(&SERVER_NAMES)
    }

    fn issue(&self, names: &[&str]) -> Result<Identity, CertificateError> {
        let key = KeyPair::generate()?;
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "Ringback example receiver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Identity { certificate, key: key.serialize_pem() })
    }
}

/// A server's certificate with its key, both in PEM, so that another process can serve with it.
#[derive(Serialize, Deserialize)]
pub struct Identity {
    certificate: String,
    key: String,
}

impl Identity {
    /// TLS settings for a server.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        let certificate = read_certificate(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(CertificateError::Pem)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        Ok(Arc::new(config))
    }
}

/// Reads an authority's certificate that another process passes on in PEM.
pub fn read_certificate(pem: &str) -> Result<CertificateDer<'static>, CertificateError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(CertificateError::Pem)
}

/// An authority's parameters. They never change, so that a stored key matches the name in its certificate.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "Ringback on this machine");
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_kept_with_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let created = Authority::load_or_create(directory.path()).unwrap();
        let loaded = Authority::load_or_create(directory.path()).unwrap();
        assert_eq!(created.pem(), loaded.pem());
        assert_eq!(created.issuer.key().serialize_der(), loaded.issuer.key().serialize_der());
        assert_ne!(Authority::new().unwrap().pem(), created.pem());
    }
}
