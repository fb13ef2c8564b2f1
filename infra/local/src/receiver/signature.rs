//! Verifies signatures of Standard Webhooks, with the reference library's own computation.

use hyper::HeaderMap;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};

/// Seconds by which a timestamp may differ from now, as in the libraries of Standard Webhooks.
const TOLERANCE_SECONDS: u64 = 5 * 60;

/// The result of verifying a request's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// No secret is set for its path.
    Unchecked,
    /// It is valid.
    Verified,
    /// It is invalid, for this reason.
    Refused(&'static str),
}

impl Signature {
    /// Verifies a signature at the stack's time; the library's `verify` would use the machine's.
    pub(super) fn check(
        secret: Option<&Webhook>,
        payload: Option<&[u8]>,
        headers: &HeaderMap,
        now_ms: u64,
    ) -> Self {
        let Some(secret) = secret else { return Self::Unchecked };
        match Self::check_with(secret, payload.unwrap_or_default(), headers, now_ms) {
            Ok(()) => Self::Verified,
            Err(reason) => Self::Refused(reason),
        }
    }

    fn check_with(
        secret: &Webhook,
        payload: &[u8],
        headers: &HeaderMap,
        now_ms: u64,
    ) -> Result<(), &'static str> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let id = text(HEADER_WEBHOOK_ID).ok_or("webhook-id is missing")?;
        let signatures = text(HEADER_WEBHOOK_SIGNATURE).ok_or("webhook-signature is missing")?;
        let timestamp = text(HEADER_WEBHOOK_TIMESTAMP)
            .and_then(|text| text.parse().ok())
            .ok_or("webhook-timestamp is missing or not a number")?;
        if u64::try_from(timestamp).map_or(u64::MAX, |timestamp| timestamp.abs_diff(now_ms / 1000))
            > TOLERANCE_SECONDS
        {
            return Err("webhook-timestamp is over 5 minutes from now");
        }
        let expected = secret.sign(id, timestamp, payload).map_err(|_| "payload is not text")?;
        signatures
            .split(' ')
            .any(|signature| signature == expected)
            .then_some(())
            .ok_or("webhook-signature is wrong")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_614_265_330_000;

    /// Checks the example of the reference libraries.
    fn check(signature: &str, payload: &str, now_ms: u64) -> Signature {
        let secret = Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(HEADER_WEBHOOK_ID, "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap());
        headers.insert(HEADER_WEBHOOK_TIMESTAMP, "1614265330".parse().unwrap());
        headers.insert(HEADER_WEBHOOK_SIGNATURE, signature.parse().unwrap());
        Signature::check(Some(&secret), Some(payload.as_bytes()), &headers, now_ms)
    }

    #[test]
    fn one_good_signature_of_several_is_enough() {
        let payload = r#"{"test": 2432232314}"#;
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(check(good, payload, NOW_MS), Signature::Verified);
        assert_eq!(check(&format!("v1,AAAA {good}"), payload, NOW_MS), Signature::Verified);
        assert_eq!(check(good, "{}", NOW_MS), Signature::Refused("webhook-signature is wrong"));
        assert_eq!(
            check(good, payload, NOW_MS + 301_000),
            Signature::Refused("webhook-timestamp is over 5 minutes from now")
        );
    }

    #[test]
    fn without_a_secret_nothing_is_claimed() {
        assert_eq!(Signature::check(None, None, &HeaderMap::new(), NOW_MS), Signature::Unchecked);
    }
}
