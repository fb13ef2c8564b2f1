//! DynamoDB on one machine: dynoxide, on its own thread, because its calls block their thread.

mod http;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use dynoxide::Database;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::guard;

/// How often expired rows are removed; AWS may take days.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// A running endpoint. Stops when dropped.
pub struct DynamoDb {
    address: SocketAddr,
    /// Ends the thread when dropped.
    _stop: oneshot::Sender<()>,
}

impl DynamoDb {
    /// Starts the endpoint, with its tables in memory or in this file. Rows expire only if `clock` is the machine's,
    /// the only one that dynoxide reads: if a manual clock showed last year, it would remove all rows that are kept for
    /// a month.
    pub fn start(file: Option<&Path>, clock: &Clock) -> io::Result<Self> {
        let database = match file {
            Some(file) => Database::new(&file.to_string_lossy()),
            None => Database::memory(),
        };
        let database = database.map_err(io::Error::other)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let sweeps = clock.is_system();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || runtime.block_on(serve(listener, address, database, sweeps, stopped)))?;
        Ok(Self { address, _stop: stop })
    }

    /// The endpoint's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    database: Database,
    sweeps: bool,
    stopped: oneshot::Receiver<()>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "dynamodb.not_served"),
    };
    let router = guard::programs_only(http::router(database.clone()), address);
    tokio::select! {
        served = axum::serve(listener, router) => {
            if let Err(error) = served {
                tracing::error!(%error, "dynamodb.not_served");
            }
        }
        () = sweep(&database), if sweeps => {}
        _ = stopped => {}
    }
}

async fn sweep(database: &Database) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        if let Err(error) = database.sweep_ttl() {
            tracing::warn!(%error, "dynamodb.not_swept");
        }
    }
}
