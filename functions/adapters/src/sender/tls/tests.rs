use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{ExtendedKeyPurpose, OtherError};

use super::*;

const HOST: &str = "a.example.com";

fn of(error: impl Into<Error>) -> String {
    sentence(&error.into(), HOST, Phase::Handshaking)
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> CertificateError {
    CertificateError::Other(OtherError(Arc::new(error)))
}

#[test]
fn each_fault_has_its_sentence() {
    for (error, expected) in [
        (CertificateError::Expired.into(), "The certificate has expired."),
        (CertificateError::NotValidYet.into(), "The certificate is not valid yet."),
        (
            CertificateError::NotValidForName.into(),
            "The certificate is not valid for this host name: a.example.com.",
        ),
        (
            CertificateError::BadSignature.into(),
            "The certificate, or one of its chain, is not signed by the issuer that it names, or that issuer has an RSA key \
             of less than 2048 or more than 8192 bits.",
        ),
        (
            other(UnverifiedHandshake).into(),
            "The server's signature cannot be verified with its certificate: the key is RSA with less than 2048 or more \
             than 8192 bits, or the certificate belongs to another key.",
        ),
        (Error::InvalidMessage(InvalidMessage::InvalidContentType), NO_TLS),
        (Error::AlertReceived(AlertDescription::CertificateRequired), CLIENT_CERTIFICATE),
        (Error::AlertReceived(AlertDescription::HandshakeFailure), REFUSED),
        (Error::AlertReceived(AlertDescription::ProtocolVersion), OLD_TLS),
        (
            Error::AlertReceived(AlertDescription::UnrecognisedName),
            "The server has no certificate for this host name: a.example.com.",
        ),
        (
            Error::AlertReceived(AlertDescription::Unknown(200)),
            "The server ended the TLS handshake with the alert 200.",
        ),
        (PeerIncompatible::NoCipherSuitesInCommon.into(), REFUSED),
        (PeerIncompatible::ServerDoesNotSupportTls12Or13.into(), OLD_TLS),
        (Error::General("\u{1b}[31m".repeat(100_000)), FAILED),
    ] {
        assert_eq!(of(error), expected);
    }
}

#[test]
fn whatever_alert_follows_a_request_for_a_client_certificate_is_about_it() {
    for alert in 0..=u8::MAX {
        let error = Error::AlertReceived(alert.into());
        assert_eq!(sentence(&error, HOST, Phase::Authenticating), CLIENT_CERTIFICATE);
        assert!(!of(error).contains("Unknown"), "{alert}");
    }
}

/// The variants of an enum in the sources of a dependency, at the version of the lock file: their names, and whether
/// they have fields.
fn variants(package: &str, name: &str) -> Vec<(String, bool)> {
    let output = |command: &mut Command| String::from_utf8(command.output().unwrap().stdout).unwrap();
    let host = output(Command::new("rustc").arg("-vV"));
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = output(
        Command::new(env!("CARGO"))
            .args(["metadata", "--format-version=1", "--locked", "--filter-platform", host])
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    );
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let manifest = packages.iter().find(|found| found["name"] == package).unwrap()["manifest_path"].as_str();
    let source = Path::new(manifest.unwrap()).with_file_name("src").join("error.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let (_, rest) = source.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let (body, _) = rest.split_once("\n}").unwrap();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let lines = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    lines.map(|line| (name_of(line), !line.ends_with(',') || line.contains('('))).collect()
}

fn name_of(text: &str) -> String {
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// Asserts that there is a value of every variant, and that it has a sentence of ours.
fn assert_complete<E: std::fmt::Debug>(variants: &[String], errors: Vec<E>, of: impl Fn(E) -> String) {
    assert!(variants.len() > 10, "{variants:?}");
    let mut left: Vec<_> = variants.iter().collect();
    for error in errors {
        let debug = format!("{error:?}");
        let variant = name_of(&debug);
        left.retain(|name| **name != variant);
        let sentence = of(error);
        let is_ours = sentence.starts_with("The ") && sentence.ends_with('.') && sentence.len() < 400;
        let is_debug = ["::", "{", "}", "Error", "Context", "hostile", &*variant]
            .iter()
            .any(|part| sentence.contains(part));
        assert!(is_ours && !is_debug, "{debug}: {sentence}");
    }
    assert!(left.is_empty(), "new errors, which need a sentence and a line here: {left:?}");
}

#[test]
fn no_error_of_a_certificate_is_told_in_the_words_of_a_library() {
    use CertificateError as E;
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1));
    #[expect(deprecated, reason = "rustls still has it")]
    let deprecated = E::UnsupportedSignatureAlgorithm;
    let errors = vec![
        deprecated,
        E::BadEncoding,
        E::Expired,
        E::ExpiredContext { time, not_after: time },
        E::NotValidYet,
        E::NotValidYetContext { time, not_before: time },
        E::Revoked,
        E::UnhandledCriticalExtension,
        E::UnknownIssuer,
        E::UnknownRevocationStatus,
        E::ExpiredRevocationList,
        E::ExpiredRevocationListContext { time, next_update: time },
        E::BadSignature,
        E::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![1],
            supported_algorithms: vec![],
        },
        E::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![1],
            public_key_algorithm_id: vec![2],
        },
        E::NotValidForName,
        E::NotValidForNameContext {
            expected: ServerName::try_from(HOST).unwrap(),
            presented: vec!["hostile".to_owned()],
        },
        E::InvalidPurpose,
        E::InvalidPurposeContext {
            required: ExtendedKeyPurpose::ServerAuth,
            presented: vec![ExtendedKeyPurpose::Other(vec![1, 2])],
        },
        E::InvalidOcspResponse,
        E::ApplicationVerificationFailure,
        other(std::io::Error::other("hostile")),
        other(UnverifiedHandshake),
    ];
    let variants = variants("rustls", "CertificateError");
    let variants: Vec<_> = variants.into_iter().map(|(name, _)| name).collect();
    assert_complete(&variants, errors, of);
}

/// rustls passes on those without fields as [`CertificateError::Other`], unless it has its own; those with fields it
/// translates.
#[test]
#[expect(deprecated, reason = "webpki still has them")]
fn no_error_of_webpki_is_told_in_its_words() {
    use webpki::Error as E;
    let errors = vec![
        E::BadDer,
        E::BadDerTime,
        E::CaUsedAsEndEntity,
        E::CertDistrusted,
        E::CertRevoked,
        E::EmptyEkuExtension,
        E::EndEntityUsedAsCa,
        E::ExtensionValueInvalid,
        E::InvalidCertValidity,
        E::InvalidCrlNumber,
        E::InvalidNetworkMaskConstraint,
        E::InvalidSerialNumber,
        E::InvalidCrlSignatureForPublicKey,
        E::InvalidSignatureForPublicKey,
        E::IssuerNotCrlSigner,
        E::MalformedDnsIdentifier,
        E::MalformedExtensions,
        E::MalformedNameConstraint,
        E::MaximumNameConstraintComparisonsExceeded,
        E::MaximumPathBuildCallsExceeded,
        E::MaximumPathDepthExceeded,
        E::MaximumSignatureChecksExceeded,
        E::NameConstraintViolation,
        E::PathLenConstraintViolated,
        E::RequiredEkuNotFound,
        E::SignatureAlgorithmMismatch,
        E::UnknownIssuer,
        E::UnknownRevocationStatus,
        E::UnsupportedCertVersion,
        E::UnsupportedCriticalExtension,
        E::UnsupportedCrlIssuingDistributionPoint,
        E::UnsupportedCrlVersion,
        E::UnsupportedDeltaCrl,
        E::UnsupportedIndirectCrl,
        E::UnsupportedNameType,
        E::UnsupportedRevocationReason,
        E::UnsupportedRevocationReasonsPartitioning,
        E::UnsupportedCrlSignatureAlgorithm,
        E::UnsupportedSignatureAlgorithm,
        E::UnsupportedCrlSignatureAlgorithmForPublicKey,
        E::UnsupportedSignatureAlgorithmForPublicKey,
    ];
    let variants = variants("rustls-webpki", "Error");
    let variants: Vec<_> =
        variants.into_iter().filter(|(_, has_fields)| !has_fields).map(|(name, _)| name).collect();
    assert_complete(&variants, errors, |error| of(other(error)));
    assert!(of(other(E::CaUsedAsEndEntity)).contains("basicConstraints=CA:FALSE"));
}
