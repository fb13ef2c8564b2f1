//! DynamoDB on one machine: dynoxide, whose calls block their thread. Calls over the socket have a thread of their own.

mod http;
mod sweep;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use dynoxide::Database;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::direct::Handler;
use crate::{guard, sockets};

/// A running endpoint. Stops when dropped.
pub struct DynamoDb {
    address: SocketAddr,
    database: Database,
    /// Ends the thread when dropped.
    _stop: oneshot::Sender<()>,
}

impl DynamoDb {
    /// Starts the endpoint, with its tables in memory or in this file. Expired rows are removed only if `clock` is the
    /// machine's: tests that advance a clock check that nobody sees those that are still there.
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
        let (clock, served) = (clock.clone(), database.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || runtime.block_on(serve(listener, address, served, clock, stopped)))?;
        Ok(Self { address, database, _stop: stop })
    }

    /// The endpoint's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn handler(&self) -> Handler {
        http::handler(self.database.clone())
    }
}

async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    database: Database,
    clock: Clock,
    stopped: oneshot::Receiver<()>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "dynamodb.not_served"),
    };
    let router = guard::programs_only(http::router(database.clone()), address);
    tokio::select! {
        served = axum::serve(sockets::prompt(listener), router) => {
            if let Err(error) = served {
                tracing::error!(%error, "dynamodb.not_served");
            }
        }
        () = sweep::run(&database, &clock), if clock.is_system() => {}
        _ = stopped => {}
    }
}
