//! Checks that people see a name as it is written: nothing in it is invisible, or makes it look like another.

use std::ops::RangeInclusive;

type Ranges = [RangeInclusive<char>];

/// Characters that show nothing or reorder what is around them: `Default_Ignorable_Code_Point` of Unicode's
/// `DerivedCoreProperties.txt`, which has the bidirectional controls, and line separators, blanks that are no white space,
/// marks of annotations and objects, and those that Unicode leaves without a meaning.
const HIDDEN: [RangeInclusive<char>; 23] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{e000}'..='\u{f8ff}',
    '\u{fdd0}'..='\u{fdef}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffc}',
    '\u{fffe}'..='\u{ffff}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
    '\u{f0000}'..='\u{fffff}',
    '\u{100000}'..='\u{10ffff}',
];

/// Blocks of marks that are drawn at the character before them.
const MARKS: [RangeInclusive<char>; 5] = [
    '\u{300}'..='\u{36f}',
    '\u{1ab0}'..='\u{1aff}',
    '\u{1dc0}'..='\u{1dff}',
    '\u{20d0}'..='\u{20ff}',
    '\u{fe20}'..='\u{fe2f}',
];

/// Blocks of scripts whose letters change their form beside a joiner: Arabic to Sinhala, Myanmar, Khmer and Mongolian.
const JOINING: [RangeInclusive<char>; 3] =
    ['\u{600}'..='\u{dff}', '\u{1000}'..='\u{109f}', '\u{1780}'..='\u{18af}'];

/// Blocks of characters that are emoji, or text if a selector says so.
const EMOJI: [RangeInclusive<char>; 8] = [
    '\u{a9}'..='\u{a9}',
    '\u{ae}'..='\u{ae}',
    '\u{203c}'..='\u{2049}',
    '\u{2100}'..='\u{27bf}',
    '\u{2900}'..='\u{2bff}',
    '\u{3030}'..='\u{303d}',
    '\u{3297}'..='\u{3299}',
    '\u{1f000}'..='\u{1faff}',
];

/// The mark of a keycap, which follows a digit and a selector.
const KEYCAP: char = '\u{20e3}';

/// Checks a text that has no control characters; an error is the rule that it breaks.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    let characters: Vec<char> = text.chars().collect();
    let beside = |at: usize| (at.checked_sub(1).map(|before| characters[before]), characters.get(at + 1));
    let is_unseen = |(at, c): (usize, &char)| {
        let (before, after) = beside(at);
        is_in(&HIDDEN, *c) && !is_part_of_a_character(before, *c, after.copied())
    };
    if characters.iter().enumerate().any(is_unseen) {
        return Err(
            "must not have characters that are invisible, have no meaning or change the direction of the text",
        );
    }
    if characters.first().is_some_and(|first| is_in(&MARKS, *first)) {
        return Err("must not begin with a mark that belongs to the character before it");
    }
    Ok(())
}

fn is_in(ranges: &Ranges, c: char) -> bool {
    ranges.iter().any(|range| range.contains(&c))
}

/// Whether a hidden character is a part of a visible one: a joiner, which Persian and families of emoji need, or the
/// choice between text and emoji.
fn is_part_of_a_character(before: Option<char>, c: char, after: Option<char>) -> bool {
    let is = |ranges, c: Option<char>| c.is_some_and(|c| is_in(ranges, c));
    match c {
        '\u{200c}' => is(&JOINING, before) && is(&JOINING, after),
        '\u{200d}' if is(&JOINING, before) => after.is_none_or(|c| c == ' ' || is_in(&JOINING, c)),
        '\u{200d}' => (before == Some('\u{fe0f}') || is(&EMOJI, before)) && is(&EMOJI, after),
        '\u{fe0f}' if after == Some(KEYCAP) => {
            before.is_some_and(|c| c.is_ascii_digit() || c == '#' || c == '*')
        }
        '\u{fe0e}' | '\u{fe0f}' => is(&EMOJI, before),
        _ => false,
    }
}
