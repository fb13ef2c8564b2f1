//! The lines about a delivery.

use std::time::Duration;

use crate::delivery::deliver::item::Unsendable;
use crate::delivery::ledger::CompletedAttempt;
use crate::delivery::record::{Delivery, DeliveryStatus};

pub(super) fn cancelled(delivery: &Delivery, why: Unsendable) {
    let (status, reason) = (DeliveryStatus::Cancelled.as_ref(), why.reason());
    tracing::info!(delivery_id = %delivery.id, status, reason, "delivery.cancelled");
}

/// One wide line for each attempt: ids and numbers, never a URL, a header or a payload.
pub(super) fn attempted(
    completed: &CompletedAttempt,
    first_attempt_delay: Option<Duration>,
    receives_without_attempt: Option<u32>,
) {
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let CompletedAttempt { delivery, number, attempted, status, .. } = completed;
    tracing::info!(
        account_id = %delivery.account_id,
        delivery_id = %delivery.id,
        destination_id = %delivery.destination_id,
        conversation_id = delivery.conversation_id.as_ref().map(tracing::field::display),
        event = delivery.event.as_ref(),
        attempt = number,
        outcome = attempted.outcome.class.as_ref(),
        http_status = attempted.outcome.http_status,
        error = attempted.outcome.error,
        duration_ms = milliseconds(attempted.outcome.duration),
        delay_ms = first_attempt_delay.map(milliseconds),
        receives_without_attempt,
        next_at = attempted.next_at.map(tracing::field::display),
        status = status.as_ref(),
        "delivery.attempted"
    );
}
