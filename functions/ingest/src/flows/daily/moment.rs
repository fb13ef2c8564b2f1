//! The times in Daily's webhooks.

use domain::shared::timestamp::Timestamp;

/// Numbers from here on, of 13 digits and more, are milliseconds; as seconds they would be after the year 33,000.
const FIRST_MILLISECONDS: f64 = 1e12;

/// Reads a number of seconds or milliseconds since the epoch: no document of Daily says which its `X-Webhook-Timestamp`
/// is. `None` if it is no time after the epoch.
pub(super) fn moment(number: &str) -> Option<Timestamp> {
    let number: f64 = number.parse().ok()?;
    let millis = if number < FIRST_MILLISECONDS { number * 1000.0 } else { number };
    (millis.is_finite() && millis >= 1.0).then(|| Timestamp::from_millis(millis.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirteen_digits_are_milliseconds() {
        for (number, millis) in [
            ("1756720062", Some(1_756_720_062_000)),
            ("1756720062.1", Some(1_756_720_062_100)),
            ("1756720062000", Some(1_756_720_062_000)),
            ("1756720062000.4", Some(1_756_720_062_000)),
            ("999999999999", Some(253_402_300_799_999)),
            ("1000000000000", Some(1_000_000_000_000)),
            ("1.756720062e9", Some(1_756_720_062_000)),
            ("0.001", Some(1)),
            ("0", None),
            ("-1756720062", None),
            ("1e400", None),
            ("-1e400", None),
            ("NaN", None),
            ("inf", None),
            ("", None),
            (" 1756720062", None),
            ("2025-09-01T09:47:42Z", None),
        ] {
            assert_eq!(moment(number).map(Timestamp::as_millis), millis, "{number}");
        }
    }
}
