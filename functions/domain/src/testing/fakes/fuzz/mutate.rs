//! Mutates seeds at random.

use crate::testing::fakes::seeded_randomness::SeededRandomness;

/// The longest input: longer ones find nothing new and take more time.
const MAX_BYTES: usize = 16 * 1024;

/// Texts that are significant to one parser or another.
const WORDS: [&str; 20] = [
    "\0", "\r\n", "\r\n\r\n", "%00", "%0a", "\\u0000", "\\ud800", "é", "\u{202e}", "\u{feff}", "\"", "'",
    "{\"a\":", "[", "]}", "null", "..", "//", "@", "#",
];

/// Limits of numbers: those of 8, 16, 32, 53 and 64 bits, those of RFC 3339 in seconds and in milliseconds.
const NUMBERS: [&str; 15] = [
    "0",
    "-1",
    "-0",
    "1.5",
    "256",
    "65536",
    "4294967296",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "253402300800",
    "253402300800000",
    "1e18",
    "1e999",
];

/// Creates inputs by mutating seeds.
pub(super) struct Mutator<'a> {
    pub(super) randomness: SeededRandomness,
    pub(super) seeds: &'a [Vec<u8>],
    /// Texts that are significant to the target.
    pub(super) words: &'a [&'static str],
}

impl Mutator<'_> {
    /// Returns a random range of the bytes.
    fn range(&self, bytes: &[u8]) -> std::ops::Range<usize> {
        let (a, b) = (self.randomness.below(bytes.len() + 1), self.randomness.below(bytes.len() + 1));
        a.min(b)..a.max(b)
    }

    /// Returns one of the target's words or one of the general [`WORDS`], with equal probability.
    fn word(&self) -> &'static str {
        let takes_any = self.words.is_empty() || self.randomness.below(2) == 0;
        self.randomness.pick::<&'static str>(if takes_any { &WORDS } else { self.words })
    }

    /// Returns an input close to one of the seeds.
    pub(super) fn input(&self) -> Vec<u8> {
        let mut input = self.randomness.pick(self.seeds).clone();
        // Most failures are found close to valid inputs.
        for _ in 0..=self.randomness.below(4) {
            self.change(&mut input);
        }
        input.truncate(MAX_BYTES);
        input
    }

    fn change(&self, input: &mut Vec<u8>) {
        let place = self.randomness.below(input.len() + 1);
        let range = self.range(input);
        match self.randomness.below(14) {
            0 if place < input.len() => input[place] ^= 1 << self.randomness.below(8),
            1 if place < input.len() => input[place] = self.randomness.below(256) as u8,
            2 => drop(input.drain(range)),
            3 => {
                let twice = input[range].to_vec();
                drop(input.splice(place..place, twice));
            }
            4 => input.truncate(place),
            5 => {
                let other = self.randomness.pick(self.seeds);
                let part = other[self.range(other)].to_vec();
                drop(input.splice(range, part));
            }
            6 => {
                let part = input[range].repeat(1 << self.randomness.below(8));
                drop(input.splice(place..place, part));
            }
            7 => {
                let nested = self.word().repeat(1 << self.randomness.below(11));
                drop(input.splice(place..place, nested.into_bytes()));
            }
            8 => drop(input.splice(number_after(input, place), self.randomness.pick(&NUMBERS).bytes())),
            9 => drop(input.splice(range, self.word().bytes())),
            10 | 11 => {
                let seam = seam_after(input, place);
                drop(input.splice(seam..seam, self.word().bytes()));
            }
            _ => drop(input.splice(place..place, self.word().bytes())),
        }
    }
}

/// Returns the place after the next separator, where a whole element can be inserted; or the end.
fn seam_after(input: &[u8], place: usize) -> usize {
    let separator = input[place..].iter().position(|byte| b"{[,&?\n".contains(byte));
    separator.map_or(input.len(), |separator| place + separator + 1)
}

/// Returns the range of the next run of digits, or an empty range at the end.
fn number_after(input: &[u8], place: usize) -> std::ops::Range<usize> {
    let end_of = |start: usize, digits: bool| {
        let run = input[start..].iter().take_while(|byte| byte.is_ascii_digit() == digits);
        start + run.count()
    };
    let start = end_of(place, false);
    start..end_of(start, true)
}
