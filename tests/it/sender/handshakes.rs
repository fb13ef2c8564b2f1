//! Handshakes that real servers refuse, and certificates that people make with openssl: row 19.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use domain::delivery::outcome::{Outcome, OutcomeClass};
use domain::delivery::request::{WebhookRequest, WebhookSender};
use domain::destination::record::RequestType;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::authority::Authority;
use super::{HOST, post, sender};
use crate::tools;

/// Runs openssl in a folder.
async fn openssl(folder: &Path, arguments: &str) {
    let arguments = arguments.split_whitespace();
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Sends one webhook to `openssl s_server` with these arguments and a certificate that `openssl req` makes with those.
async fn send_to(certificate: &str, server: &str) -> Outcome {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    std::fs::write(folder.join("ca-key.pem"), authority.key_pem()).unwrap();
    openssl(folder, SMALL_ISSUER).await;
    let make = "req -x509 -noenc -days 2 -keyout key.pem -out cert.pem -subj /CN=test";
    openssl(folder, &format!("{make} -addext subjectAltName=DNS:{HOST} {certificate}")).await;
    let arguments = format!("s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -www {server}");
    let mut server = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let port = loop {
        let line = lines.next_line().await.unwrap().expect("openssl has started");
        if let Some(port) = line.strip_prefix("ACCEPT 127.0.0.1:") {
            break port.to_owned();
        }
    };
    let url = format!("https://{HOST}:{port}/hook?token=hunter2");
    let get = WebhookRequest { method: RequestType::Get, body: "".into(), ..post(&url) };
    sender(&authority).send(get).await // of POST, openssl waits for more
}

/// A certificate from the authority that the sender trusts.
const ISSUED: &str = "-CA ca.pem -CAkey ca-key.pem -addext basicConstraints=CA:FALSE";
/// An authority whose key is too small, issued by the one that the sender trusts.
const SMALL_ISSUER: &str = "req -x509 -noenc -days 2 -keyout small-key.pem -out small.pem -subj /CN=small -newkey rsa:1024 \
                            -CA ca.pem -CAkey ca-key.pem -addext basicConstraints=critical,CA:TRUE";
const ISSUED_BY_SMALL: &str = "-CA small.pem -CAkey small-key.pem -addext basicConstraints=CA:FALSE";
const P256: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
const REFUSED: &str =
    "The server refused the TLS handshake, usually because it has no cipher suite, curve or kind of";
const ASKED: &str = "The server asked for a client certificate, and we have none:";
const UNVERIFIED: &str =
    "The server's signature cannot be verified with its certificate: the key is RSA with less than";

#[tokio::test]
async fn row_19_what_openssl_makes_and_refuses_has_its_sentence() {
    if !tools::is_available(Command::new("openssl").arg("version"), "openssl").await {
        return;
    }
    let p256 = &*format!("{P256} {ISSUED}");
    let with = |key: &str| format!("{key} {ISSUED}");
    for (certificate, server, expected) in [
        (P256, "", "The certificate is that of an authority (CA:TRUE), as `openssl req -x509` makes it;"),
        (
            "-newkey rsa:2048",
            "",
            "The certificate is that of an authority (CA:TRUE), as `openssl req -x509` makes it;",
        ),
        (&with("-newkey rsa:1024"), "-cipher DEFAULT:@SECLEVEL=0", UNVERIFIED),
        (&with("-newkey rsa:1024"), "-tls1_2 -cipher DEFAULT:@SECLEVEL=0", UNVERIFIED),
        (
            &format!("{P256} {ISSUED_BY_SMALL}"),
            "-cert_chain small.pem -cipher DEFAULT:@SECLEVEL=0",
            "The certificate, or one of its chain, is not signed by the issuer that it names, or that issuer has an RSA key",
        ),
        (&with("-newkey ec -pkeyopt ec_paramgen_curve:P-521"), "", REFUSED),
        (&with("-newkey ec -pkeyopt ec_paramgen_curve:secp256k1"), "", REFUSED),
        (p256, "-tls1_2 -cipher ECDHE-ECDSA-AES256-SHA", REFUSED),
        (&with("-newkey rsa:2048"), "-tls1_2 -cipher AES256-GCM-SHA384", REFUSED),
        (p256, "-ciphersuites TLS_AES_128_CCM_SHA256 -tls1_3", REFUSED),
        (p256, "-curves P-521", REFUSED),
        (p256, "-tls1_1 -cipher DEFAULT:@SECLEVEL=0", "The server supports neither TLS 1.2 nor TLS 1.3."),
        (p256, "-tls1_2 -Verify 1", ASKED),
        (p256, "-tls1_3 -Verify 1", ASKED),
        (p256, "-alpn h2", "The server does not offer HTTP/1.1: its list for ALPN must have http/1.1."),
    ] {
        let outcome = send_to(certificate, server).await;
        let what = format!("{certificate}, {server}: {outcome:?}");
        assert_eq!(outcome.class, OutcomeClass::Tls, "{what}");
        assert!(outcome.error.as_deref().is_some_and(|error| error.starts_with(expected)), "{what}");
    }
    for key in [P256, "-newkey rsa:2048", "-newkey ec -pkeyopt ec_paramgen_curve:P-384", "-newkey ed25519"] {
        let outcome = send_to(&with(key), "-verify 1").await;
        assert_eq!(outcome.class, OutcomeClass::Success, "{key}: {outcome:?}");
        assert!(outcome.duration < Duration::from_millis(900));
    }
}
