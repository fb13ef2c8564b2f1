//! What chance does to a seed.

/// Longer inputs find nothing that shorter ones don't, and take their time.
const MAX_BYTES: usize = 16 * 1024;

/// Texts that mean something to one parser or another.
const WORDS: [&str; 20] = [
    "\0", "\r\n", "\r\n\r\n", "%00", "%0a", "\\u0000", "\\ud800", "é", "\u{202e}", "\u{feff}", "\"", "'",
    "{\"a\":", "[", "]}", "null", "..", "//", "@", "#",
];

/// Where numbers end: those of 8, 16, 32, 53 and 64 bits, those of RFC 3339 in seconds and in milliseconds.
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

/// `SplitMix64`: <https://prng.di.unimi.it/splitmix64.c>
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

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

    /// As often one of the target's own words as one that any could stumble over.
    fn word(&mut self, own: &[&'static str]) -> &'static str {
        let all = if own.is_empty() || self.below(2) == 0 { &WORDS } else { own };
        self.one_of::<&'static str>(all)
    }

    /// An input that is near to one of the seeds.
    pub(super) fn mutate(&mut self, seeds: &[Vec<u8>], words: &[&'static str]) -> Vec<u8> {
        let mut input = self.one_of(seeds).clone();
        // Most of what is found is found near to what is right.
        for _ in 0..=self.below(4) {
            self.change(&mut input, seeds, words);
        }
        input.truncate(MAX_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&'static str]) {
        let place = self.below(input.len() + 1);
        let range = self.range(input);
        match self.below(14) {
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
            7 => {
                let nested = self.word(words).repeat(1 << self.below(11));
                drop(input.splice(place..place, nested.into_bytes()));
            }
            8 => drop(input.splice(number_after(input, place), self.one_of(&NUMBERS).bytes())),
            9 => drop(input.splice(range, self.word(words).bytes())),
            10 | 11 => {
                let seam = seam_after(input, place);
                drop(input.splice(seam..seam, self.word(words).bytes()));
            }
            _ => drop(input.splice(place..place, self.word(words).bytes())),
        }
    }
}

/// Behind the next mark that parts one thing from another, where a whole thing fits in; or the end.
fn seam_after(input: &[u8], place: usize) -> usize {
    let mark = input[place..].iter().position(|byte| b"{[,&?\n".contains(byte));
    mark.map_or(input.len(), |mark| place + mark + 1)
}

/// The next run of digits, or nothing at the end.
fn number_after(input: &[u8], place: usize) -> std::ops::Range<usize> {
    let end_of = |start: usize, digits: bool| {
        let run = input[start..].iter().take_while(|byte| byte.is_ascii_digit() == digits);
        start + run.count()
    };
    let start = end_of(place, false);
    start..end_of(start, true)
}
