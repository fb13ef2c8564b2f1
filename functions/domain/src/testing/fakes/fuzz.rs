//! Deterministic fuzzing: inputs that are mutated from a corpus, the same in every run.
//!
//! A target is a test that passes [`Fuzz::run`] a check for every input. Its corpus is `tests/corpus/NAME.txt`, one
//! seed a line with bytes escaped as in a Rust string, and bodies of the samples in `events/`. `FUZZ_EXECUTIONS` sets
//! how many inputs are tried; an input that fails is printed as a line for the corpus.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "an unreadable corpus or a failing input fails the test"
)]

mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use serde_json::Value;

use self::mutate::Mutator;
use super::seeded_randomness::SeededRandomness;
use crate::shared::invalid::Invalid;

/// Inputs tried for a target by default: a second of a debug build, or less.
const EXECUTIONS: usize = 5_000;

/// The corpus of a target.
pub struct Fuzz {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
}

impl Fuzz {
    /// Loads the corpus of that name.
    #[must_use]
    pub fn of(name: &'static str) -> Self {
        let file = repository(&format!("tests/corpus/{name}.txt"));
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let seeds: Vec<_> = text.lines().map(unescape).collect();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        Self { name, seeds, words: &[] }
    }

    /// Adds a seed.
    #[must_use]
    pub fn with_seed(mut self, seed: impl Into<Vec<u8>>) -> Self {
        self.seeds.push(seed.into());
        self
    }

    /// Adds `part` of each sample of a function that has one.
    #[must_use]
    pub fn with_samples(mut self, function: &str, part: impl Fn(&Value) -> Option<String>) -> Self {
        let before = self.seeds.len();
        let directory = repository(&format!("events/{function}"));
        let mut files: Vec<_> =
            std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort(); // the same order in every run
        let samples = files.iter().map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap());
        self.seeds.extend(samples.filter_map(|sample: Value| part(&sample)).map(String::into_bytes));
        assert!(self.seeds.len() > before, "no sample of {function} has that part");
        self
    }

    /// Sets texts that are significant to this target.
    #[must_use]
    pub fn with_words(mut self, words: &'static [&'static str]) -> Self {
        self.words = words;
        self
    }

    /// Returns a seed as text.
    #[must_use]
    pub fn seed(&self, number: usize) -> String {
        String::from_utf8(self.seeds[number].clone()).unwrap()
    }

    /// Returns every seed: a corpus may be read without mutating it.
    #[must_use]
    pub fn seeds(&self) -> &[Vec<u8>] {
        &self.seeds
    }

    /// Returns every seed unchanged, followed by endless mutations of them.
    pub fn inputs(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let mutator = |randomness| Mutator { randomness, seeds: &self.seeds, words: self.words };
        let mutated = (0..).map(move |number| mutator(SeededRandomness::new(number)).input());
        self.seeds.iter().cloned().chain(mutated)
    }

    /// Checks every seed and a fixed number of mutations, which `FUZZ_EXECUTIONS` overrides.
    pub fn run(self, check: impl Fn(&[u8])) {
        for input in self.inputs().take(self.seeds.len() + executions()) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&input))) {
                let (name, line) = (self.name, input.escape_ascii());
                println!("an input failed; to keep it, add this line to tests/corpus/{name}.txt:\n{line}");
                resume_unwind(panic);
            }
        }
    }
}

/// Asserts that an error names a field and a rule, and does not repeat the whole input.
///
/// # Panics
/// If the error is not readable.
pub fn assert_readable(error: &Invalid) {
    assert!(!error.field.is_empty() && !error.rule.is_empty(), "{error}");
    assert!(error.to_string().chars().count() <= 600, "{error}");
}

pub(super) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[expect(clippy::disallowed_methods, reason = "a setting of a test run, not of a function")]
fn executions() -> usize {
    std::env::var("FUZZ_EXECUTIONS").map_or(EXECUTIONS, |count| count.parse().unwrap())
}

/// Decodes a line of a corpus; the inverse of `escape_ascii`.
pub(super) fn unescape(line: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, byte == b'\\') {
            (byte, false) => byte,
            (_, true) => match rest.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'x') => {
                    let digits =
                        [rest.next(), rest.next()].map(|digit| char::from(digit.unwrap_or_default()));
                    u8::from_str_radix(&String::from_iter(digits), 16).unwrap()
                }
                Some(other) => other,
                None => panic!("a line ends with a backslash: {line}"),
            },
        });
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_line_of_a_corpus_is_any_bytes() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unescape(&all.escape_ascii().to_string()), all);
    }

    #[test]
    fn inputs_are_the_seeds_and_many_others_and_the_same_every_time() {
        let inputs = || {
            let seen = RefCell::new(Vec::new());
            Fuzz {
                name: "none",
                seeds: vec![b"seed one".to_vec(), b"{\"two\":2}".to_vec()],
                words: &["three"],
            }
            .run(|input| seen.borrow_mut().push(input.to_vec()));
            seen.into_inner()
        };
        let first = inputs();
        assert_eq!(&first[..2], [b"seed one".to_vec(), b"{\"two\":2}".to_vec()]);
        let different: HashSet<_> = first.iter().collect();
        assert!(different.len() > first.len() / 2, "{} of {}", different.len(), first.len());
        assert_eq!(inputs(), first);
    }

    #[test]
    #[should_panic(expected = "found")]
    fn a_failure_is_the_targets_own() {
        Fuzz { name: "none", seeds: vec![b"needle".to_vec()], words: &[] }
            .run(|input| assert!(input == b"needle", "found"));
    }
}
