//! When a failed delivery is attempted again, and how often.

use std::time::Duration;

use crate::delivery::outcome::{Outcome, OutcomeClass};
use crate::destination::retry::Retry;
use crate::shared::timestamp::Timestamp;

/// The number of attempts of a standard delivery, the first included.
pub const MAX_ATTEMPTS: u8 = 4;

/// The time from the end of one of these attempts to the start of the next.
pub const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The waits of an extended delivery after its fourth attempt and each later one: 44.6 hours in all.
pub const EXTENDED_WAITS: [Duration; 7] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(12 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// By how much a destination's `Retry-After` can postpone an attempt.
const MAX_POSTPONEMENT: Duration = Duration::from_secs(60 * 60);

/// The number of attempts of a delivery, the first included.
#[must_use]
pub const fn max_attempts(retry: Retry) -> u8 {
    match retry {
        Retry::Standard => MAX_ATTEMPTS,
        Retry::Extended => MAX_ATTEMPTS + EXTENDED_WAITS.len() as u8,
    }
}

/// When the attempt after `number`, which ended at `at`, is due; `None` if there is none.
#[must_use]
pub fn next_at(retry: Retry, number: u8, outcome: &Outcome, at: Timestamp) -> Option<Timestamp> {
    if !outcome.class.is_worth_retrying() || number >= max_attempts(retry) {
        return None;
    }
    let wait = match number.checked_sub(MAX_ATTEMPTS) {
        // The owner stopped at some time before the lease's end: waiting 10 s more would be a guess.
        None if outcome.class == OutcomeClass::Unknown => Duration::ZERO,
        None => RETRY_AFTER,
        Some(later) => *EXTENDED_WAITS.get(usize::from(later))?,
    };
    let due = at + wait;
    match (retry, outcome.http_status) {
        // Gone: the receiver says that no later request will find it.
        (Retry::Extended, Some(410)) => None,
        (Retry::Extended, Some(429 | 503)) => {
            Some(retry_after(outcome, at).map_or(due, |asked| asked.clamp(due, due + MAX_POSTPONEMENT)))
        }
        _ => Some(due),
    }
}

/// The time that a response's `Retry-After` names, in seconds or as a date (RFC 9110, 10.2.3).
fn retry_after(outcome: &Outcome, at: Timestamp) -> Option<Timestamp> {
    let headers = &outcome.response.as_ref()?.headers;
    let (_, value) = headers.iter().find(|(name, _)| name == "retry-after")?;
    let value = value.trim();
    match value.parse() {
        Ok(seconds) => Some(at + Duration::from_secs(seconds)),
        Err(_) => Timestamp::parse_http_date(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::outcome::ResponseExcerpt;

    const AT: Timestamp = Timestamp::from_millis(1_756_720_060_000);

    fn answered(http_status: u16, retry_after: Option<&str>) -> Outcome {
        let headers = retry_after.map(|value| ("retry-after".to_owned(), value.to_owned()));
        let response = ResponseExcerpt { headers: headers.into_iter().collect(), ..Default::default() };
        Outcome {
            http_status: Some(http_status),
            response: Some(response),
            ..Outcome::failed(OutcomeClass::HttpError, "", Duration::ZERO)
        }
    }

    fn wait(retry: Retry, number: u8, outcome: &Outcome) -> Option<u64> {
        next_at(retry, number, outcome, AT).map(|due| due.since(AT).as_secs())
    }

    #[test]
    fn extended_retries_are_the_four_and_seven_more_in_45_hours() {
        let outcome = answered(500, None);
        let waits = |retry| (1..=12).map_while(|number| wait(retry, number, &outcome)).collect::<Vec<_>>();
        assert_eq!(waits(Retry::Standard), [10, 10, 10]);
        assert_eq!(waits(Retry::Extended), [10, 10, 10, 60, 300, 1_800, 7_200, 21_600, 43_200, 86_400]);
        assert_eq!((max_attempts(Retry::Standard), max_attempts(Retry::Extended)), (4, 11));
    }

    #[test]
    fn retry_after_postpones_an_extended_attempt_by_up_to_an_hour() {
        for (number, status, value, expected) in [
            (1, 429, "120", 120),
            (1, 503, "120", 120),
            (1, 500, "120", 10),
            (1, 429, "3", 10),
            (1, 429, "99999999", 3_610),
            (1, 429, "99999999999999999999999", 10),
            (4, 429, "90", 90),
            (5, 503, "86400", 3_900),
            (1, 429, "Mon, 01 Sep 2025 09:49:40 GMT", 120),
            (1, 429, "Mon, 01 Sep 2025 09:00:00 GMT", 10),
            (1, 429, "soon", 10),
            (1, 429, "-5", 10),
        ] {
            let outcome = answered(status, Some(value));
            assert_eq!(wait(Retry::Extended, number, &outcome), Some(expected), "{number} {status} {value}");
            assert_eq!(wait(Retry::Standard, number.min(3), &outcome), Some(10), "{number} {status} {value}");
        }
    }

    #[test]
    fn gone_ends_an_extended_delivery_only() {
        assert_eq!(wait(Retry::Extended, 1, &answered(410, None)), None);
        assert_eq!(wait(Retry::Standard, 1, &answered(410, None)), Some(10));
    }

    #[test]
    fn an_unknown_end_is_followed_at_once_and_later_after_the_wait() {
        let unknown = Outcome::failed(OutcomeClass::Unknown, "", Duration::ZERO);
        assert_eq!([1, 3, 4, 10].map(|n| wait(Retry::Extended, n, &unknown)), [0, 0, 60, 86_400].map(Some));
        assert_eq!(wait(Retry::Extended, 11, &unknown), None);
    }
}
