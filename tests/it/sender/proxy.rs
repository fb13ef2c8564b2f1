//! A proxy in the environment sees nothing: row 17.

use std::process::Stdio;

use domain::outcome::OutcomeClass;
use tokio::process::Command;

use super::receiver::{Answer, Receiver};
use super::send_to;

/// The environment belongs to the whole process, so the one with the proxy in it is a process of its own.
#[tokio::test]
async fn row_17_a_proxy_in_the_environment_sees_nothing() {
    let proxy = Receiver::canary().await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--ignored", "sender::proxy::in_an_environment_with_a_proxy"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        child.env(name, format!("http://127.0.0.1:{}", proxy.port()));
    }
    let output =
        child.env_remove("NO_PROXY").env_remove("no_proxy").stdin(Stdio::null()).output().await.unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && report.contains("1 passed"), "{report}");
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
#[ignore = "run by the test above, with a proxy in its environment"]
async fn in_an_environment_with_a_proxy() {
    let (outcome, receiver) = send_to(Answer::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    assert_eq!((outcome.class, receiver.requests().len()), (OutcomeClass::Success, 1));
}
