//! The text of attribute values. An error is the reason to give.

use std::ops::RangeInclusive;

use serde_json::Value;

pub(super) fn parse_bool(value: &str) -> Result<bool, String> {
    value.to_ascii_lowercase().parse().map_err(|_| "Must be true or false.".to_owned())
}

pub(super) fn parse_number(value: &str, range: &RangeInclusive<u32>) -> Result<u32, String> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("Must be a number from {} to {}.", range.start(), range.end()))
}

pub(super) fn parse_policy(json: &str) -> Result<String, String> {
    match serde_json::from_str(json) {
        Ok(Value::Object(_)) => Ok(json.to_owned()),
        _ => Err("It must be a JSON object.".to_owned()),
    }
}
