//! A function's schedules.

use std::time::Duration;

use super::error::TemplateError;
use super::event::ScheduleV2;

/// Invokes a function at a fixed rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The event's name.
    pub id: String,
    /// Logical id of the function.
    pub function: String,
    /// The time from one invocation to the next.
    pub every: Duration,
    /// The payload of each invocation, in JSON.
    pub input: String,
}

impl Schedule {
    pub(super) fn read(id: String, function: &str, event: ScheduleV2) -> Result<Self, TemplateError> {
        let ScheduleV2 { schedule_expression, input } = event;
        let every = rate(&schedule_expression).ok_or_else(|| {
            TemplateError::of(
                function,
                format!("{id}: the local stack does not support the schedule {schedule_expression}"),
            )
        })?;
        Ok(Self { id, function: function.to_owned(), every, input })
    }
}

/// Reads `rate(5 minutes)`.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based>
fn rate(expression: &str) -> Option<Duration> {
    let (number, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let seconds = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => 60,
        "hour" => 60 * 60,
        "day" => 24 * 60 * 60,
        _ => return None,
    };
    number
        .parse::<u64>()
        .ok()
        .filter(|number| *number > 0)
        .map(|number| Duration::from_secs(number * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_and_nothing_else() {
        assert_eq!(rate("rate(1 minute)"), Some(Duration::from_secs(60)));
        assert_eq!(rate("rate(2 hours)"), Some(Duration::from_secs(7200)));
        for other in ["rate(0 minutes)", "rate(1 moon)", "cron(0 9 * * ? *)", "rate(minute)", ""] {
            assert_eq!(rate(other), None, "{other}");
        }
    }
}
