//! Inputs that nobody would think of: what chance makes of a corpus, again and again the same.
//!
//! A target is a test that hands [`Fuzz::run`] what has to be true of every input. Its corpus is `tests/corpus/NAME.txt`, a
//! seed a line with bytes escaped as in a Rust string, and bodies of the samples in `events/`. `FUZZ_EXECUTIONS` says how
//! many inputs are tried; an input that fails is printed as a line for the corpus.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a corpus that cannot be read and an input that fails are a test's end"
)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::invalid::Invalid;

/// Inputs of a target, if nobody says otherwise: a second of a debug build, or less.
const EXECUTIONS: usize = 5_000;

/// Longer inputs find nothing that shorter ones don't, and take their time.
const MAX_BYTES: usize = 16 * 1024;

/// Texts that mean something to one parser or another.
const WORDS: [&str; 24] = [
    "\0",
    "\r\n",
    "\r\n\r\n",
    "%00",
    "%0a",
    "\\u0000",
    "\\ud800",
    "é",
    "\u{202e}",
    "\u{feff}",
    "\"",
    "'",
    "{",
    "[",
    "]}",
    "null",
    "true",
    "-0",
    "1e999",
    "18446744073709551616",
    "..",
    "//",
    "@",
    "#",
];

/// A target's corpus.
pub struct Fuzz {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
}

impl Fuzz {
    /// Over the corpus of that name.
    #[must_use]
    pub fn of(name: &'static str) -> Self {
        let file = repository(&format!("tests/corpus/{name}.txt"));
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let seeds: Vec<_> = text.lines().map(unescape).collect();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        Self { name, seeds }
    }

    /// And over this seed.
    #[must_use]
    pub fn with_seed(mut self, seed: impl Into<Vec<u8>>) -> Self {
        self.seeds.push(seed.into());
        self
    }

    /// And over a part of a function's samples, where they have it.
    #[must_use]
    pub fn with_samples(mut self, function: &str, part: impl Fn(&Value) -> Option<String>) -> Self {
        let before = self.seeds.len();
        let directory = repository(&format!("events/{function}"));
        let mut files: Vec<_> =
            std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort(); // the same every time
        let samples = files.iter().map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap());
        self.seeds.extend(samples.filter_map(|sample: Value| part(&sample)).map(String::into_bytes));
        assert!(self.seeds.len() > before, "no sample of {function} has that part");
        self
    }

    /// A seed, as text.
    #[must_use]
    pub fn seed(&self, number: usize) -> String {
        String::from_utf8(self.seeds[number].clone()).unwrap()
    }

    /// Every seed as it is, and then without end what chance makes of them.
    pub fn inputs(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.seeds.iter().cloned().chain((0..).map(|number| Dice(number).mutate(&self.seeds)))
    }

    /// Tries as many inputs as there is time for.
    pub fn run(self, check: impl Fn(&[u8])) {
        for input in self.inputs().take(self.seeds.len() + executions()) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&input))) {
                let (name, line) = (self.name, input.escape_ascii());
                println!("an input fails; to keep it, add this line to tests/corpus/{name}.txt:\n{line}");
                resume_unwind(panic);
            }
        }
    }
}

/// An error that a caller reads: a field, a rule, and not all of what was sent.
///
/// # Panics
/// If it is not.
pub fn assert_readable(error: &Invalid) {
    assert!(!error.field.is_empty() && !error.rule.is_empty(), "{error}");
    assert!(error.to_string().len() <= 2500, "{error}"); // its characters, where each takes four bytes
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[expect(clippy::disallowed_methods, reason = "for who runs tests, not for a function")]
fn executions() -> usize {
    std::env::var("FUZZ_EXECUTIONS").map_or(EXECUTIONS, |count| count.parse().unwrap())
}

/// The bytes of a line of a corpus; the opposite of `escape_ascii`.
fn unescape(line: &str) -> Vec<u8> {
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

/// `SplitMix64`: <https://prng.di.unimi.it/splitmix64.c>
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Two places in it, in order.
    fn range(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let (a, b) = (self.below(bytes.len() + 1), self.below(bytes.len() + 1));
        a.min(b)..a.max(b)
    }

    fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.one_of(seeds).clone();
        // Most of what is found is found near to what is right.
        for _ in 0..=self.below(4) {
            self.change(&mut input, seeds);
        }
        input.truncate(MAX_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let place = self.below(input.len() + 1);
        let range = self.range(input);
        match self.below(9) {
            0 if place < input.len() => input[place] ^= 1 << self.below(8),
            1 if place < input.len() => input[place] = self.below(256) as u8,
            2 => drop(input.drain(range)),
            3 => {
                let twice = input[range].to_vec();
                drop(input.splice(place..place, twice));
            }
            4 => input.truncate(place),
            5 => {
                let other = self.one_of(seeds);
                let part = other[self.range(other)].to_vec();
                drop(input.splice(range, part));
            }
            6 => {
                let part = input[range].repeat(1 << self.below(8));
                drop(input.splice(place..place, part));
            }
            _ => drop(input.splice(place..place, self.one_of(&WORDS).bytes())),
        }
    }
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
            Fuzz { name: "none", seeds: vec![b"seed one".to_vec(), b"{\"two\":2}".to_vec()] }
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
        Fuzz { name: "none", seeds: vec![b"needle".to_vec()] }
            .run(|input| assert!(input == b"needle", "found"));
    }
}
