//! How a message waits for its delivery's next step.

use std::time::Duration;

use crate::delivery::deliver::{Deliver, Verdict};
use crate::delivery::message::{DeliveryMessage, DeliveryQueue};
use crate::delivery::received::{Receipt, Received, Visibility};
use crate::delivery::schedule::RETRY_AFTER;
use crate::destination::retry::Retry;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Unavailable;

impl<L, C, D, S, Q: DeliveryQueue + Visibility, H, N> Deliver<L, C, D, S, Q, H, N> {
    /// An item that failed because of our infrastructure waits as a copy, whose receive count starts at zero; its message
    /// would count as in flight and use up its receives. If the copy cannot be sent, the message waits itself.
    pub(super) async fn fail(&self, received: &Received, error: &Unavailable) -> Verdict {
        tracing::error!(
            delivery_id = %received.message.delivery_id,
            destination_id = %received.message.destination_id,
            error = %error,
            cause = error.causes(),
            "delivery.failed"
        );
        self.send_copy(received, received.message.after_failure(), RETRY_AFTER).await
    }

    /// A delivery waits for its next step as its message does, hidden in the queue. The longer waits of an extended one
    /// would count as messages in flight, so these wait as copies.
    pub(super) async fn wait(&self, received: &Received, until: Timestamp) -> Verdict {
        let now = self.clock.now();
        let span = until.since(now);
        if received.message.retry == Retry::Extended && span > RETRY_AFTER {
            let copy = received.message.waiting_until(until, now);
            let otherwise = copy.wait.duration();
            return self.send_copy(received, copy, otherwise).await;
        }
        self.postpone(&received.receipt, span).await;
        Verdict::Keep
    }

    /// Replaces a message by a copy. If that cannot be sent, the message itself waits.
    async fn send_copy(&self, received: &Received, copy: DeliveryMessage, otherwise: Duration) -> Verdict {
        if let Err(error) = self.queue.send(&[copy]).await {
            tracing::warn!(error = %error, cause = error.causes(), "delivery.uncopied");
            self.postpone(&received.receipt, otherwise).await;
            return Verdict::Keep;
        }
        Verdict::Done
    }

    /// Best effort: if it fails, the message returns after the queue's own visibility timeout.
    pub(super) async fn postpone(&self, receipt: &Receipt, delay: Duration) {
        if let Err(error) = self.queue.postpone(receipt, delay).await {
            tracing::warn!(error = %error, "visibility.unchanged");
        }
    }
}
