//! Tables of inputs and what becomes of them, in `tests/corpus`.

#![expect(clippy::panic, reason = "an unreadable table fails the test")]

use super::fuzz::{repository, unescape};

/// Loads `tests/corpus/NAME.txt`: one row a line, its columns separated by tabs, with bytes escaped as in a Rust string.
///
/// # Panics
/// If there is no such table, or a row has another number of columns.
#[must_use]
pub fn corpus<const COLUMNS: usize>(name: &str) -> Vec<[Vec<u8>; COLUMNS]> {
    let file = repository(&format!("tests/corpus/{name}.txt"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|line| {
        let columns: Vec<_> = line.split('\t').map(unescape).collect();
        columns.try_into().unwrap_or_else(|_| panic!("{name}: {line}"))
    })
    .collect()
}
