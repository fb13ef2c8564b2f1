//! Describes what is wrong with a server's TLS, for the server's operator.

use rustls::{CertificateError, Error};

/// The maximum length of rustls's own error text: parts of it come from the server.
const MAX_DETAIL_CHARS: usize = 200;

pub(super) fn sentence(error: &Error, host: &str) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate(error, host),
        Error::InvalidMessage(_) => "The server does not speak TLS on this port.".to_owned(),
        Error::PeerIncompatible(_) => {
            "The server supports none of our TLS versions and cipher suites: it must support TLS 1.2 or 1.3."
                .to_owned()
        }
        Error::AlertReceived(alert) => {
            format!("The server ended the TLS handshake with the alert {alert:?}.")
        }
        other => format!("The TLS handshake failed: {}.", detail(other)),
    }
}

fn certificate(error: &CertificateError, host: &str) -> String {
    use CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } => "The certificate has expired.".to_owned(),
        E::NotValidYet | E::NotValidYetContext { .. } => "The certificate is not valid yet.".to_owned(),
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            format!("The certificate is not valid for this host name: {host}.")
        }
        // A bad signature: an unknown issuer uses a known issuer's name.
        E::UnknownIssuer | E::BadSignature => {
            "The certificate is self-signed or its issuer is not known; a server must also \
                             send its intermediate certificates."
                .to_owned()
        }
        other => format!("The certificate is not valid: {}.", detail(other)),
    }
}

fn detail(error: &impl ToString) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).take(MAX_DETAIL_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, InvalidMessage};

    use super::*;

    #[test]
    fn each_fault_has_its_sentence() {
        for (error, expected) in [
            (Error::InvalidCertificate(CertificateError::Expired), "The certificate has expired."),
            (Error::InvalidCertificate(CertificateError::NotValidYet), "The certificate is not valid yet."),
            (
                Error::InvalidCertificate(CertificateError::NotValidForName),
                "The certificate is not valid for this host name: a.example.com.",
            ),
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "The server does not speak TLS on this port.",
            ),
            (
                Error::AlertReceived(AlertDescription::CertificateRequired),
                "The server ended the TLS handshake with the alert CertificateRequired.",
            ),
        ] {
            assert_eq!(sentence(&error, "a.example.com"), expected);
        }
    }

    #[test]
    fn what_the_server_sent_cannot_fill_a_record() {
        let error = Error::General(format!("\u{1b}[31m{}", "x".repeat(100_000)));
        let sentence = sentence(&error, "a.example.com");
        assert!(sentence.len() < 300 && !sentence.contains('\u{1b}'), "{sentence}");
    }
}
