//! The characters that SQS accepts.

use super::error::SqsError;
use super::limits;

/// Refuses a message body with characters outside SQS's allowed set, which is XML's.
pub(crate) fn check_body(text: &str) -> Result<(), SqsError> {
    if text.chars().all(is_allowed) { Ok(()) } else { Err(SqsError::InvalidMessageContents) }
}

fn is_allowed(character: char) -> bool {
    matches!(character,
        '\u{9}' | '\u{A}' | '\u{D}' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Refuses a `MessageGroupId` that SQS does not accept.
pub(crate) fn check_group_id(id: &str) -> Result<(), SqsError> {
    let fits = (1..=limits::GROUP_ID_LENGTH).contains(&id.len());
    if fits && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(SqsError::invalid(
            "MessageGroupId",
            id,
            "Can only include alphanumeric and punctuation characters. 1 to 128 in length",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_may_hold_what_xml_may_hold() {
        for good in ["", "tab\tline\r\n", "hé €", "😀", "\u{FFFD}"] {
            assert_eq!(check_body(good), Ok(()), "{good:?}");
        }
        for bad in ["\0", "a\u{8}b", "\u{B}", "\u{FFFE}", "\u{FFFF}"] {
            assert_eq!(check_body(bad), Err(SqsError::InvalidMessageContents), "{bad:?}");
        }
    }

    #[test]
    fn a_group_id_is_printable_ascii_of_at_most_128() {
        assert!(check_group_id("tenant/1#x").is_ok());
        for bad in ["", "a b", "é", &"x".repeat(129)] {
            assert!(check_group_id(bad).is_err(), "{bad:?}");
        }
    }
}
