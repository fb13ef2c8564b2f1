//! What a consumer does with a message in flight: deletes it, or changes its visibility timeout.

use super::message::{DeliveryState, MessageState};
use super::queue::Queue;
use super::receipt_handle::ReceiptHandle;
use super::transaction::{Transaction, Write};
use crate::sqs::error::SqsError;
use crate::sqs::limits;

impl Queue {
    /// Deletes the message if `handle` is of its most recent receive. "If you use an old receipt
    /// handle, the request will succeed, but the message might not be deleted" (API `DeleteMessage`):
    /// here it is not, because another consumer may be processing it.
    pub(crate) fn delete(&mut self, handle: &str, tx: &mut Transaction) -> Result<(), SqsError> {
        self.process_timeouts(tx);
        let receipt = ReceiptHandle::parse(handle, &self.name)?;
        let message = self.messages.get(receipt.sequence);
        if message.is_some_and(|(_, message)| receipt.is_latest_of(message)) {
            self.remove(receipt.sequence, tx);
        }
        self.wake_long_poll();
        Ok(())
    }

    /// Hides a message in flight for `timeout` seconds from now.
    pub(crate) fn change_visibility(
        &mut self,
        handle: &str,
        timeout: u32,
        tx: &mut Transaction,
    ) -> Result<(), SqsError> {
        self.process_timeouts(tx);
        let receipt = ReceiptHandle::parse(handle, &self.name)?;
        let received = self.messages.get(receipt.sequence);
        let Some((state, message)) = received.filter(|(_, message)| receipt.is_latest_of(message)) else {
            return Err(SqsError::invalid(
                "ReceiptHandle",
                handle,
                "Message does not exist or is not available for visibility timeout change.",
            ));
        };
        if state != MessageState::InFlight {
            return Err(SqsError::MessageNotInflight);
        }
        let visible_at = tx.now + u64::from(timeout) * 1_000;
        let longest = u64::from(*limits::VISIBILITY_TIMEOUT.end()) * 1_000;
        if message.delivery.received_at.is_some_and(|at| visible_at > at + longest) {
            return Err(SqsError::invalid(
                "VisibilityTimeout",
                &timeout,
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
            ));
        }
        let hide = |delivery: &mut DeliveryState| delivery.visible_at = visible_at;
        if let Some(message) = self.messages.update(receipt.sequence, tx.now, hide) {
            tx.write(Write::PutMessage(self.name.clone(), receipt.sequence, message));
        }
        self.wake_long_poll();
        Ok(())
    }
}
