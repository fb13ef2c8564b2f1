//! The part of AWS KMS that Ringback uses, for one machine: it generates and decrypts data keys, bound to the caller's
//! encryption context, under the stack's one key. Which key a caller names does not matter.
//!
//! actions.rs has the two actions, http.rs the socket, state.rs what both share.

mod actions;
mod http;
mod state;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use adapters::system::SystemRandomness;
use adapters::vault::cipher::Key;
use domain::shared::randomness::Randomness;
use tokio::net::TcpListener;

use self::state::State;
use crate::direct::Handler;
use crate::private;

/// The name of the file with the key.
pub const KEY_FILE: &str = "kms.key";

/// A KMS endpoint. Its clones share one state.
#[derive(Clone)]
pub struct Kms(Arc<State>);

impl Kms {
    /// Creates an endpoint whose key is lost with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with(Key::new((&SystemRandomness as &dyn Randomness).bytes()))
    }

    /// Creates an endpoint with the key in this directory, which is generated if there is none.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds no key. A new key in its place could not decrypt what is stored.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let file = directory.join(KEY_FILE);
        if file.try_exists()? {
            let key = <[u8; 32]>::try_from(std::fs::read(&file)?);
            let key = key.map_err(|_| io::Error::other(format!("{} holds no key", file.display())))?;
            return Ok(Self::with(Key::new(key)));
        }
        let kms = Self::in_memory();
        // Renamed when it is complete, so that a kill leaves a whole key or none.
        let unfinished = file.with_extension("new");
        private::write(&unfinished, &kms.0.key[..])?;
        std::fs::rename(unfinished, file)?;
        Ok(kms)
    }

    fn with(key: Key) -> Self {
        Self(Arc::new(State { key, unavailable: AtomicBool::new(false), calls: AtomicUsize::new(0) }))
    }

    /// Starts or ends an outage, in which every request fails.
    pub fn set_unavailable(&self, unavailable: bool) {
        self.0.unavailable.store(unavailable, Ordering::SeqCst);
    }

    /// The number of requests so far, including refused ones.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn handler(&self) -> Handler {
        http::handler(Arc::clone(&self.0))
    }

    pub(crate) async fn serve(self, listener: TcpListener) -> io::Result<()> {
        http::serve(self.0, listener).await
    }
}
