//! The file by which a subcommand finds the stack that runs in the same folder.

use std::fs;
use std::io;
use std::path::Path;

use adapters::function::Error;
use local::certificates::Identity;
use local::private;
use serde::{Deserialize, Serialize};

const FOLDER: &str = ".ringback";

const FILE: &str = "stack.json";

/// A stack that runs, as its subcommands need to know it.
#[derive(Serialize, Deserialize)]
pub(crate) struct RunningStack {
    /// The API's URL.
    pub(crate) api: String,
    /// The demo's key, which has every scope.
    pub(crate) key: String,
    /// A certificate that the stack trusts, for the server of `listen`.
    pub(crate) identity: Identity,
}

impl RunningStack {
    /// The stack that runs in this folder, or was killed there.
    pub(crate) fn read() -> Result<Option<Self>, Error> {
        let path = Path::new(FOLDER).join(FILE);
        match fs::read(&path) {
            Ok(content) => {
                let unreadable = |error| format!("{} cannot be read: {error}", path.display());
                Ok(Some(serde_json::from_slice(&content).map_err(unreadable)?))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{} cannot be read: {error}", path.display()).into()),
        }
    }

    /// Leaves the file, which its owner alone can read.
    pub(crate) fn write(&self) -> Result<(), Error> {
        private::create_directory(Path::new(FOLDER), FILE)?;
        private::write(&Path::new(FOLDER).join(FILE), &serde_json::to_vec(self)?)?;
        Ok(())
    }

    /// Removes the file, unless another stack has replaced it.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        if Self::read()?.is_some_and(|running| running.api == self.api) {
            fs::remove_file(Path::new(FOLDER).join(FILE))?;
            let _ = fs::remove_dir(FOLDER); // fails if the stack's data is there, too
        }
        Ok(())
    }
}
