//! Verifies Daily's signature, which covers a webhook's timestamp and body.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::shared::timestamp::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::moment::moment;
use crate::flows::provider::Refusal;

/// Largest accepted distance from our clock: an older webhook is a replay, one from further ahead has a wrong clock.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

pub(super) fn verify(
    secret: &str,
    timestamp: Option<&str>,
    signature: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refusal> {
    let (Some(timestamp), Some(signature)) = (timestamp, signature) else { return Err(Refusal::NoSignature) };
    let (Ok(key), Ok(stated)) = (STANDARD.decode(secret), STANDARD.decode(signature)) else {
        return Err(Refusal::WrongSignature);
    };
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any key");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(&stated).map_err(|_| Refusal::WrongSignature)?;
    let signed_at = moment(timestamp).ok_or(Refusal::OldTimestamp)?;
    let apart = now.since(signed_at).max(signed_at.since(now));
    if apart <= TOLERANCE { Ok(()) } else { Err(Refusal::OldTimestamp) }
}

#[cfg(test)]
mod tests;
