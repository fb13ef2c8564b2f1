//! Points in time, to the millisecond.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::{OffsetDateTime, UtcOffset};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z. RFC 3339 in the API and in a destination's health, a number
/// in the other rows of the tables; every value can be written in RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 9999-12-31T23:59:59.999Z: RFC 3339, 5.6, has four digits for the year.
    const LAST: u64 = 253_402_300_799_999;

    /// Converts milliseconds since the epoch; a later value becomes the last moment.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        if millis < Self::LAST { Self(millis) } else { Self(Self::LAST) }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, as `webhook-timestamp` and a table's TTL need them.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// The time from `earlier` until `self`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Its day in UTC.
    #[must_use]
    pub const fn day(self) -> Day {
        Day(self.0 / MILLIS_PER_DAY)
    }

    /// Reads RFC 3339 with any offset. Refuses a time that an offset puts before 1970 or after 9999 in UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(OffsetDateTime::parse(text, &Rfc3339).ok()?)
    }

    /// Reads a date as HTTP's headers have it, such as `Mon, 01 Sep 2025 09:47:40 GMT`.
    #[must_use]
    pub fn parse_http_date(text: &str) -> Option<Self> {
        Self::of(OffsetDateTime::parse(text, &Rfc2822).ok()?)
    }

    fn of(moment: OffsetDateTime) -> Option<Self> {
        let millis = u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()?;
        (millis <= Self::LAST).then_some(Self(millis))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .map_err(|_| fmt::Error)?
            .to_offset(UtcOffset::UTC);
        let (hour, minute, second, milli) = moment.to_hms_milli();
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z", moment.date())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("must be an RFC 3339 time"))
    }
}

/// Unix time counts no leap seconds, so all days are equally long.
const MILLIS_PER_DAY: u64 = 24 * 60 * 60 * 1000;

/// A day in UTC: the number of days since 1970-01-01. A date in the API, a number in the tables.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Day(u64);

impl Day {
    /// Converts days since the epoch.
    #[must_use]
    pub const fn from_number(days: u64) -> Self {
        Self(days)
    }

    /// Days since the epoch.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = Timestamp::from_millis(self.0.saturating_mul(MILLIS_PER_DAY)).to_string();
        f.write_str(start.split('T').next().unwrap_or_default())
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Serializes a duration as a number of milliseconds.
pub(crate) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_to_the_millisecond_and_read_back() {
        let moment = Timestamp::from_millis(1_756_720_060_200);
        assert_eq!(moment.to_string(), "2025-09-01T09:47:40.200Z");
        assert_eq!(Timestamp::parse("2025-09-01T11:47:40.2+02:00"), Some(moment));
    }

    /// A time that cannot be written would panic on output; from a table, on every read.
    #[test]
    fn whatever_moment_there_is_can_be_written() {
        let last = Timestamp::parse("9999-12-31T23:59:59.999Z").unwrap();
        for moment in [
            Timestamp::from_millis(u64::MAX),
            last + Duration::from_millis(1),
            Timestamp::default() + Duration::MAX,
        ] {
            assert_eq!(moment, last);
        }
        assert_eq!(Timestamp::parse(&last.to_string()), Some(last));
        assert_eq!(Timestamp::parse("9999-12-31T23:59:59.999-00:01"), None);
        assert_eq!(Timestamp::parse("1970-01-01T00:00:00+00:01"), None);
        assert_eq!(Day::from_number(u64::MAX).to_string(), "9999-12-31");
    }

    #[test]
    fn a_day_lasts_from_midnight_to_midnight() {
        let day = |text: &str| Timestamp::parse(text).unwrap().day();
        assert_eq!(day("2026-09-01T00:00:00Z").to_string(), "2026-09-01");
        assert_eq!(day("2026-09-01T23:59:59.999Z"), day("2026-09-01T00:00:00Z"));
        assert!(day("2026-09-01T23:59:59.999Z") < day("2026-09-02T00:00:00Z"));
    }

    #[test]
    fn what_lies_ahead_is_no_time_since() {
        assert_eq!(Timestamp::from_millis(1).since(Timestamp::from_millis(5)), Duration::ZERO);
    }
}
