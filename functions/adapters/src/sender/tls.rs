//! Describes what is wrong with a server's TLS, for the server's operator. Every sentence is ours: rustls's own texts
//! are made for programmers, and parts of them come from the server.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::phase::Phase;
use super::verifier::UnverifiedHandshake;

const NO_TLS: &str = "The server does not speak TLS on this port.";
const OLD_TLS: &str = "The server supports neither TLS 1.2 nor TLS 1.3.";
const REFUSED: &str = "The server refused the TLS handshake, usually because it has no cipher suite, curve or kind of \
                       certificate in common with us. We speak TLS 1.2 and 1.3 with ECDHE over X25519, P-256 or P-384, and \
                       AES-GCM or ChaCha20-Poly1305; a certificate has a key of RSA with 2048 to 8192 bits, of P-256, of \
                       P-384 or of Ed25519.";
const CLIENT_CERTIFICATE: &str = "The server asked for a client certificate, and we have none: let it accept webhooks \
                                  without one, and verify their signature.";
const NO_HTTP: &str = "The server does not offer HTTP/1.1: its list for ALPN must have http/1.1.";
const FAILED: &str = "The TLS handshake failed.";

pub(super) fn sentence(error: &Error, host: &str, phase: Phase) -> String {
    let sentence = match error {
        Error::InvalidCertificate(error) => return certificate(error, host),
        Error::AlertReceived(alert) => return refusal(*alert, host, phase),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => NO_TLS,
        Error::InvalidMessage(_) => "The server sent a TLS message that cannot be read.",
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => OLD_TLS,
        Error::PeerIncompatible(_) => REFUSED,
        Error::PeerMisbehaved(_) => "The server broke the rules of the TLS handshake.",
        Error::NoCertificatesPresented => "The server sent no certificate.",
        Error::NoApplicationProtocol => NO_HTTP,
        _ => FAILED,
    };
    sentence.to_owned()
}

/// The server ended the handshake.
fn refusal(alert: AlertDescription, host: &str, phase: Phase) -> String {
    use AlertDescription as A;
    let sentence = match alert {
        // Servers tell it by various alerts; with TLS 1.3, after the handshake.
        _ if phase == Phase::Authenticating => CLIENT_CERTIFICATE,
        A::CertificateRequired | A::NoCertificate => CLIENT_CERTIFICATE,
        A::HandshakeFailure | A::InsufficientSecurity | A::UnsupportedCertificate => REFUSED,
        A::ProtocolVersion => OLD_TLS,
        A::NoApplicationProtocol => NO_HTTP,
        A::UnrecognisedName => return format!("The server has no certificate for this host name: {host}."),
        A::InternalError => "The server failed during the TLS handshake: look at its log.",
        alert => return format!("The server ended the TLS handshake with the alert {}.", u8::from(alert)),
    };
    sentence.to_owned()
}

fn certificate(error: &CertificateError, host: &str) -> String {
    use CertificateError as E;
    let sentence = match error {
        E::Expired | E::ExpiredContext { .. } => "The certificate has expired.",
        E::NotValidYet | E::NotValidYetContext { .. } => "The certificate is not valid yet.",
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            return format!("The certificate is not valid for this host name: {host}.");
        }
        E::UnknownIssuer => {
            "The certificate is self-signed or its issuer is not known; a server must also send its intermediate \
             certificates."
        }
        // To rustls, a key of a size that it does not take verifies nothing.
        E::BadSignature => {
            "The certificate, or one of its chain, is not signed by the issuer that it names, or that issuer has an RSA key \
             of less than 2048 or more than 8192 bits."
        }
        E::BadEncoding => "The certificate is not encoded correctly.",
        E::Revoked => "The certificate has been revoked.",
        E::UnhandledCriticalExtension => UNKNOWN_EXTENSION,
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "The certificate is not meant for a server: its extended key usage lacks serverAuth."
        }
        E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "The certificate, or one of its chain, is signed in a way that we do not accept. We accept SHA-256, SHA-384 \
             and SHA-512 with RSA keys of 2048 to 8192 bits, SHA-256 and SHA-384 with P-256 and P-384, and Ed25519."
        }
        E::Other(other) if other.0.is::<UnverifiedHandshake>() => {
            "The server's signature cannot be verified with its certificate: the key is RSA with less than 2048 or \
             more than 8192 bits, or the certificate belongs to another key."
        }
        E::Other(other) => other.0.downcast_ref().map_or(INVALID, chain),
        _ => INVALID,
    };
    sentence.to_owned()
}

const INVALID: &str = "The certificate, or one of its chain, is not valid.";
const UNKNOWN_EXTENSION: &str =
    "The certificate, or one of its chain, has a critical extension that we do not know.";

/// What rustls passes on from webpki as it is.
fn chain(error: &webpki::Error) -> &'static str {
    use webpki::Error as E;
    match error {
        E::CaUsedAsEndEntity => {
            "The certificate is that of an authority (CA:TRUE), as `openssl req -x509` makes it; a server needs one with \
             CA:FALSE: add `-addext basicConstraints=CA:FALSE`."
        }
        E::EndEntityUsedAsCa => "The certificate's issuer is no authority: its certificate lacks CA:TRUE.",
        E::UnsupportedCertVersion => "The certificate, or one of its chain, is not X.509 version 3.",
        E::UnsupportedCriticalExtension => UNKNOWN_EXTENSION,
        E::NameConstraintViolation | E::PathLenConstraintViolated => {
            "The certificate's chain has an authority that is not allowed to issue it."
        }
        E::EmptyEkuExtension
        | E::ExtensionValueInvalid
        | E::MalformedDnsIdentifier
        | E::MalformedExtensions
        | E::MalformedNameConstraint => {
            "The certificate, or one of its chain, has an extension that is not valid."
        }
        _ => INVALID,
    }
}

#[cfg(test)]
mod tests;
