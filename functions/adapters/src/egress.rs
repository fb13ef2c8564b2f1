//! The egress policy and the trusted certificates, from a function's environment: public addresses only, unless the
//! operator allows private networks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::destination::egress::EgressPolicy;
use domain::destination::egress::allowed::AllowedNetworks;
use rustls::pki_types::CertificateDer;

use crate::config::{ConfigError, Vars};

/// The variable that lists the allowed private networks, such as `10.20.0.0/16, fd12:3456::/32`.
const ALLOWED_NETWORKS: &str = "ALLOWED_NETWORKS";

/// The variable with a private certificate authority's certificate: base64 of its DER form.
const TRUSTED_CERTIFICATE: &str = "TRUSTED_CERTIFICATE";

/// The addresses that destinations may have. Logs a warning if private networks are allowed.
pub fn policy(vars: &impl Vars) -> Result<EgressPolicy, ConfigError> {
    let Some(text) = vars.optional(ALLOWED_NETWORKS) else { return Ok(EgressPolicy::PublicOnly) };
    let networks =
        AllowedNetworks::parse(&text).map_err(|problem| ConfigError::new(ALLOWED_NETWORKS, problem))?;
    tracing::warn!(%networks, "private_networks.allowed");
    Ok(EgressPolicy::PublicAndAllowed(networks))
}

/// The certificate authorities that are trusted besides the public ones. Logs a warning if there are any.
pub fn trusted_certificates(vars: &impl Vars) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let Some(text) = vars.optional(TRUSTED_CERTIFICATE) else { return Ok(Vec::new()) };
    let der = STANDARD
        .decode(text)
        .map_err(|error| ConfigError::new(TRUSTED_CERTIFICATE, format!("is not base64: {error}")))?;
    tracing::warn!("private_certificate.trusted");
    Ok(vec![CertificateDer::from(der)])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn vars(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn nothing_private_is_reached_unless_it_is_said() {
        for silent in [BTreeMap::new(), vars(ALLOWED_NETWORKS, ""), vars(TRUSTED_CERTIFICATE, "")] {
            assert_eq!(policy(&silent).unwrap(), EgressPolicy::PublicOnly);
            assert_eq!(trusted_certificates(&silent).unwrap(), []);
        }
        let policy = policy(&vars(ALLOWED_NETWORKS, "10.20.0.0/16")).unwrap();
        assert!(policy.permits("10.20.3.4".parse().unwrap()));
        assert_eq!(trusted_certificates(&vars(TRUSTED_CERTIFICATE, "AAEC")).unwrap()[0].as_ref(), [0, 1, 2]);
    }

    #[test]
    fn an_error_names_the_variable_and_the_rule() {
        let error = policy(&vars(ALLOWED_NETWORKS, "127.0.0.0/8")).unwrap_err().to_string();
        assert_eq!(
            error,
            "the environment variable ALLOWED_NETWORKS holds 127.0.0.0/8, and no destination may ever be in 127.0.0.0/8"
        );
        let error = trusted_certificates(&vars(TRUSTED_CERTIFICATE, "-----BEGIN")).unwrap_err().to_string();
        assert!(error.starts_with("the environment variable TRUSTED_CERTIFICATE is not base64"), "{error}");
    }
}
