//! A destination that costs little: it answers 200 as soon as it has a request, and keeps only when the request came.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use local::certificates::Authority;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// The path that is never answered.
pub(super) const HANGS: &str = "/hangs";

/// A receiver of any number of destinations; it stops with its runtime.
pub(super) struct Receiver {
    port: u16,
    events: Arc<Mutex<HashMap<String, Event>>>,
}

/// The requests about one event, but for those to [`HANGS`].
#[derive(Clone, Default)]
struct Event {
    arrivals: Vec<Instant>,
    arrived: Arc<Notify>,
}

impl Receiver {
    pub(super) async fn start(authority: &Authority) -> Self {
        let acceptor = TlsAcceptor::from(authority.server_config().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let events: Arc<Mutex<HashMap<_, Event>>> = Arc::default();
        let seen = Arc::clone(&events);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let answer = service_fn(|request| answer(request, &seen));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { port, events }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// When the requests about an event arrived, once there are `count` of them.
    pub(super) async fn wait_for(&self, event: &str, count: usize) -> Vec<Instant> {
        loop {
            let Event { arrivals, arrived } = self.event(event);
            if arrivals.len() >= count {
                return arrivals;
            }
            arrived.notified().await;
        }
    }

    fn event(&self, id: &str) -> Event {
        self.events.lock().unwrap().entry(id.to_owned()).or_default().clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    events: &Mutex<HashMap<String, Event>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    if request.uri().path() == HANGS {
        std::future::pending::<()>().await;
    }
    let event = request.headers()["webhook-id"].to_str().unwrap().to_owned();
    let _ = request.into_body().collect().await;
    let mut events = events.lock().unwrap();
    let event = events.entry(event).or_default();
    event.arrivals.push(Instant::now());
    event.arrived.notify_one();
    Ok(Response::new(Empty::new()))
}
