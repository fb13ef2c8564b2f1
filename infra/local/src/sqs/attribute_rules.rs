//! Which message attributes SQS takes (developer guide, "Amazon SQS message attributes").

use super::error::SqsError;
use super::message_attributes::{MessageAttributeValue, MessageAttributes};
use super::{limits, text};

/// Refuses attributes SQS would not take.
pub(crate) fn check(attributes: &MessageAttributes) -> Result<(), SqsError> {
    if attributes.len() > limits::MESSAGE_ATTRIBUTES {
        return Err(SqsError::invalid(
            "MessageAttributes",
            &attributes.len(),
            "Number of message attributes exceeds the allowed maximum of 10.",
        ));
    }
    attributes.iter().try_for_each(|(name, attribute)| {
        check_name(name)?;
        check_value(name, attribute)
    })
}

fn check_name(name: &str) -> Result<(), SqsError> {
    let lower = name.to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let good = (1..=limits::MESSAGE_ATTRIBUTE_NAME_LENGTH).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
        && !lower.starts_with("aws.")
        && !lower.starts_with("amazon.");
    if good {
        Ok(())
    } else {
        Err(SqsError::invalid("MessageAttributes", name, "This is not a valid attribute name."))
    }
}

fn check_value(name: &str, attribute: &MessageAttributeValue) -> Result<(), SqsError> {
    let refuse = |reason: &str| Err(SqsError::invalid("MessageAttributes", name, reason));
    if attribute.data_type.len() > limits::MESSAGE_ATTRIBUTE_NAME_LENGTH {
        return refuse("The type is longer than 256 bytes.");
    }
    let logical = attribute.data_type.split('.').next().unwrap_or_default();
    match (logical, &attribute.string_value, &attribute.binary_value) {
        ("String" | "Number", Some(value), None) if !value.is_empty() => {
            if logical == "Number" && value.trim().parse::<f64>().is_err() {
                return refuse("Can't cast the value to a number.");
            }
            text::check_contents(value)
        }
        ("Binary", None, Some(bytes)) if !bytes.is_empty() => Ok(()),
        ("String" | "Number" | "Binary", ..) => {
            refuse("The attribute must contain a non-empty value of its type.")
        }
        _ => refuse("The type must be String, Number or Binary, with an optional custom suffix."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(data_type: &str, value: &str) -> MessageAttributeValue {
        MessageAttributeValue {
            data_type: data_type.to_owned(),
            string_value: Some(value.to_owned()),
            binary_value: None,
        }
    }

    #[test]
    fn a_type_has_a_value_of_its_kind() {
        let binary = |string_value: Option<&str>| MessageAttributeValue {
            data_type: "Binary".to_owned(),
            string_value: string_value.map(str::to_owned),
            binary_value: "AP8=".to_owned().try_into().ok(),
        };
        for good in [text("String", "v"), text("String.uuid", "z"), text("Number", "-12.5"), binary(None)] {
            assert_eq!(check_value("a", &good), Ok(()), "{good:?}");
        }
        for bad in [
            text("String", ""),
            text("Number", "ten"),
            text("Binary", "v"),
            text("Bool", "true"),
            binary(Some("v")),
        ] {
            assert!(check_value("a", &bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_keep_to_the_documented_alphabet() {
        for bad in ["", ".a", "a.", "a..b", "AWS.trace", "amazon.x", "a b", &"x".repeat(257)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(check_name("trace_id-1.x"), Ok(()));
    }
}
