//! What must hold of whatever a server answers.

use domain::fakes::Fuzz;
use domain::outcome::FAILURE_EXCERPT_BYTES;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::excerpt;

fn is_printable(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

#[test]
fn what_is_kept_of_a_response_is_short_and_can_be_printed() {
    Fuzz::of("responses").run(|input| {
        let (body, truncated) = excerpt::text(input, FAILURE_EXCERPT_BYTES);
        assert!(body.len() <= FAILURE_EXCERPT_BYTES && is_printable(&body), "{body:?}");
        assert!(truncated || body.len() >= input.len(), "{body:?}");
        let headers: HeaderMap = input
            .split(|byte| *byte == b'\n')
            .filter_map(|line| {
                let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
                Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(&value[1..]).ok()?))
            })
            .collect();
        let kept = excerpt::headers(&headers);
        assert!(kept.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= 256, "{kept:?}");
        assert!(kept.iter().all(|(name, value)| is_printable(value) && name != "location"), "{kept:?}");
    });
}
