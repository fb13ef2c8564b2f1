//! Files and directories that only their owner can read: what the stack keeps holds keys, secrets and customers' data.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// What SQLite adds to a database's name for the files beside it, which get the database's mode when they are created.
const DATABASE_FILES: [&str; 3] = ["", "-wal", "-shm"];

/// Creates a directory, and closes one that others could read if it is empty or already holds `mark`, a file of ours.
/// Any other directory stays as it is, because it may hold more than ours.
pub fn create_directory(path: &Path, mark: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
    if fs::read_dir(path)?.next().is_none() || path.join(mark).try_exists()? {
        fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE))?;
    }
    Ok(())
}

/// Writes a file. One that exists is closed to others before it is written.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
    // Not a terminal or /dev/null.
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    }
    file.write_all(content)
}

/// Creates an empty file for a database to open, or closes one that exists, and the files beside it, to others.
pub(crate) fn prepare_database(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)?;
    for suffix in DATABASE_FILES {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        if Path::new(&file).try_exists()? {
            fs::set_permissions(&file, Permissions::from_mode(FILE_MODE))?;
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn mode(path: impl AsRef<Path>) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_others_could_read_is_closed_before_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["new", "open", "closed"] {
            let file = directory.path().join(name);
            if name != "new" {
                fs::write(&file, "a longer text of before").unwrap();
                fs::set_permissions(
                    &file,
                    Permissions::from_mode(if name == "open" { 0o666 } else { 0o600 }),
                )
                .unwrap();
            }
            write(&file, b"a key").unwrap();
            assert_eq!((mode(&file), &*fs::read(&file).unwrap()), (0o600, &b"a key"[..]), "{name}");
        }
        let before = mode("/dev/null");
        write(Path::new("/dev/null"), b"a key").unwrap();
        assert_eq!(mode("/dev/null"), before);
    }

    #[test]
    fn a_directory_is_closed_if_it_holds_nothing_but_ours() {
        let parent = tempfile::tempdir().unwrap();
        let path = |name: &str| parent.path().join(name);
        for (name, holds, expected) in
            [("empty", None, 0o700), ("ours", Some("kms.key"), 0o700), ("theirs", Some("notes.txt"), 0o755)]
        {
            fs::create_dir(path(name)).unwrap();
            fs::set_permissions(path(name), Permissions::from_mode(0o755)).unwrap();
            if let Some(file) = holds {
                fs::write(path(name).join(file), "").unwrap();
            }
            create_directory(&path(name), "kms.key").unwrap();
            assert_eq!(mode(path(name)), expected, "{name}");
        }
        create_directory(&path("new/in/new"), "kms.key").unwrap();
        assert_eq!((mode(path("new")), mode(path("new/in/new"))), (0o700, 0o700));
    }
}
