//! A developer's plain http server.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, request::Parts};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::world::eventually;

/// Keeps what it gets, and answers 201 with a header and a body.
pub(super) struct Server {
    port: u16,
    received: Arc<Mutex<Vec<(Parts, Bytes)>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let router = Router::new().fallback(async move |request: Request| {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            kept.lock().unwrap().push((head, body));
            (StatusCode::CREATED, [("retry-after", "7")], "made by my server")
        });
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, received, task }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Waits for this number of requests; returns all.
    pub(super) async fn wait_for(&self, count: usize) -> Vec<(Parts, Bytes)> {
        let received = async || Some(self.received.lock().unwrap().clone()).filter(|all| all.len() >= count);
        eventually("requests at the server", received).await
    }

    pub(super) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await; // the error is the abort
    }
}
