use domain::testing::fakes::corpus;

use super::*;

/// A webhook with Daily's signature.
const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const TIMESTAMP: &str = "1756720062";
const BODY: &str = r#"{"version":"1.0.0","type":"meeting.ended","id":"m-1","payload":{"start_ts":1756720000.1,"end_ts":1756720060.2,"meeting_id":"m-1","room":"r1"},"event_ts":1756720061.5}"#;
const SIGNATURE: &str = "5Rep7G+vDAJ6FPVvWuaSF0/TscEmDhmQa3V33i1Ua78=";
const SIGNED_AT: Timestamp = Timestamp::from_millis(1_756_720_062_000);

fn check(secret: &str, timestamp: &str, signature: &str, body: &[u8], now: Timestamp) -> Result<(), Refusal> {
    verify(secret, Some(timestamp), Some(signature), body, now)
}

#[test]
fn the_vector_is_met_for_five_minutes() {
    let at = |now| check(SECRET, TIMESTAMP, SIGNATURE, BODY.as_bytes(), now);
    let just_after = TOLERANCE + Duration::from_millis(1);
    assert_eq!(at(SIGNED_AT), Ok(()));
    assert_eq!(at(SIGNED_AT + TOLERANCE), Ok(()));
    assert_eq!(at(SIGNED_AT + just_after), Err(Refusal::OldTimestamp));
    let before = |span: Duration| {
        Timestamp::from_millis(SIGNED_AT.since(Timestamp::default() + span).as_millis() as u64)
    };
    assert_eq!(at(before(TOLERANCE)), Ok(()));
    assert_eq!(at(before(just_after)), Err(Refusal::OldTimestamp));
}

/// The unit is documented nowhere; the signature covers the text as it came.
#[test]
fn row_51_a_timestamp_may_be_in_seconds_or_milliseconds() {
    for [timestamp, expected] in corpus::<2>("inbound/timestamps") {
        let timestamp = String::from_utf8(timestamp).unwrap();
        let expected = if expected == b"taken" { Ok(()) } else { Err(Refusal::OldTimestamp) };
        let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(SECRET).unwrap()).unwrap();
        mac.update(format!("{timestamp}.{BODY}").as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let outcome = check(SECRET, &timestamp, &signature, BODY.as_bytes(), SIGNED_AT);
        assert_eq!(outcome, expected, "{timestamp}");
    }
}

#[test]
fn a_missing_header_is_refused() {
    let body = BODY.as_bytes();
    let refused = Err(Refusal::NoSignature);
    assert_eq!(verify(SECRET, None, Some(SIGNATURE), body, SIGNED_AT), refused);
    assert_eq!(verify(SECRET, Some(TIMESTAMP), None, body, SIGNED_AT), refused);
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let parts = [SECRET, TIMESTAMP, SIGNATURE, BODY];
    for (part, text) in parts.iter().enumerate() {
        for at in 0..text.len() {
            for bit in 0..7 {
                let mut flipped = parts.map(|part| part.as_bytes().to_vec());
                flipped[part][at] ^= 1 << bit;
                let [secret, timestamp, signature, body] = &flipped;
                let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
                let outcome = check(&text(secret), &text(timestamp), &text(signature), body, SIGNED_AT);
                assert!(outcome.is_err(), "part {part}, byte {at}, bit {bit}");
            }
        }
    }
}
