//! The corpus of callers, over sockets.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const CALLERS: &str = include_str!("../../../../tests/corpus/hostile/callers.txt");

const PUBLIC_URL: &str = "https://hooks.example.com";

async fn start(guarded: impl FnOnce(Router, SocketAddr) -> Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = guarded(Router::new().fallback(async || "hello"), address);
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

/// Sends a request whose head is written as it is, and returns the status.
async fn status(address: SocketAddr, target: &str, headers: &[&str]) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("POST {target} HTTP/1.1\r\n{}\r\nConnection: close\r\n\r\n", headers.join("\r\n"));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_endpoint_answers_this_machine_and_not_what_a_browser_or_a_proxy_sends_it() {
    let tables = start(programs_only).await;
    let api = start(|router, address| super::api(router, address, PUBLIC_URL)).await;
    let mut wrong = Vec::new();
    for line in CALLERS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [endpoint, path, headers, expected] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let address = match endpoint {
            "api" => api,
            "page" => continue, // the receiver's tests have it
            _ => tables,
        };
        let headers = headers.replace("PORT", &address.port().to_string());
        let status = status(address, path, &headers.split("; ").collect::<Vec<_>>()).await;
        if status != (if expected == "taken" { 200 } else { 403 }) {
            wrong.push(format!("{status}: {line}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_whole_url_in_the_request_line_is_checked_too() {
    let tables = start(programs_only).await;
    let own = format!("Host: {tables}");
    assert_eq!(status(tables, &format!("http://{tables}/"), &[&own]).await, 200);
    assert_eq!(status(tables, "http://evil.example/", &[&own]).await, 403);
    assert_ne!(status(tables, "/", &["X-No: host"]).await, 200);
}

#[tokio::test]
async fn without_a_tunnel_only_this_machine_is_answered() {
    for public_url in ["", "no url", "http://127.0.0.1:4000"] {
        let api = start(|router, address| super::api(router, address, public_url)).await;
        assert_eq!(status(api, "/v1/flows/twilio/acc_1", &["Host: hooks.example.com"]).await, 403);
        assert_eq!(status(api, "/v1/flows/twilio/acc_1", &[&format!("Host: {api}")]).await, 200);
    }
}
