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
    use domain::testing::fakes::corpus;

    use super::*;

    #[test]
    fn thirteen_digits_are_milliseconds() {
        for [number, millis] in corpus::<2>("inbound/times") {
            let [number, millis] = [number, millis].map(|column| String::from_utf8(column).unwrap());
            let read = moment(&number).map_or_else(|| "none".to_owned(), |at| at.as_millis().to_string());
            assert_eq!(read, millis, "{number}");
        }
    }
}
