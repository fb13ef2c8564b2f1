//! Connections whose callers wait for each answer.

use axum::serve::{ListenerExt, TapIo};
use tokio::net::{TcpListener, TcpStream};

/// Sends what is written to the listener's connections at once, instead of holding it back until the caller has
/// acknowledged what came before.
pub(crate) fn prompt(listener: TcpListener) -> TapIo<TcpListener, fn(&mut TcpStream)> {
    listener.tap_io(set_prompt)
}

/// The same for one connection.
pub(crate) fn set_prompt(stream: &mut TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "nodelay.failed");
    }
}
