//! As much of AWS KMS as Ringback uses, for one machine: data keys are made and opened, in the context that a caller
//! states, under one key of this stack's own. Which key a caller names does not matter.
//!
//! actions.rs has the two actions, http.rs the socket, state.rs what both work on.

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
use crate::certificates::write_private;

const KEY_FILE: &str = "kms.key";

/// A KMS endpoint; its clones are the same one.
#[derive(Clone)]
pub struct Kms(Arc<State>);

impl Kms {
    /// With a key that is gone with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with(Key::new((&SystemRandomness as &dyn Randomness).bytes()))
    }

    /// With the key kept in this directory, or a new one that is kept there.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds no key. A new key in its place would open nothing that is stored.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let file = directory.join(KEY_FILE);
        if file.try_exists()? {
            let key = <[u8; 32]>::try_from(std::fs::read(&file)?);
            let key = key.map_err(|_| io::Error::other(format!("{} holds no key", file.display())))?;
            return Ok(Self::with(Key::new(key)));
        }
        let kms = Self::in_memory();
        // Whole or not at all.
        let unfinished = file.with_extension("new");
        write_private(&unfinished, &kms.0.key[..])?;
        std::fs::rename(unfinished, file)?;
        Ok(kms)
    }

    fn with(key: Key) -> Self {
        Self(Arc::new(State { key, out_of_order: AtomicBool::new(false), calls: AtomicUsize::new(0) }))
    }

    /// Whether it refuses everything from now on, as if it were broken.
    pub fn set_out_of_order(&self, out_of_order: bool) {
        self.0.out_of_order.store(out_of_order, Ordering::SeqCst);
    }

    /// How often it was called, refusals included.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    pub(crate) async fn serve(self, listener: TcpListener) -> io::Result<()> {
        http::serve(self.0, listener).await
    }
}
