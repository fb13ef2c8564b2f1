//! What a consumer does with a message it received: delete it, or change how long it stays hidden.

use super::message::{Message, Standing};
use super::queue::Queue;
use super::receipt::ReceiptHandle;
use super::step::{Change, Step};
use crate::sqs::error::SqsError;
use crate::sqs::limits;

impl Queue {
    /// Deletes the message if `handle` is of its most recent receive. "If you use an old receipt
    /// handle, the request will succeed, but the message might not be deleted" (API `DeleteMessage`):
    /// here it is not, because another consumer may be at it.
    pub(crate) fn delete(&mut self, handle: &str, step: &mut Step) -> Result<(), SqsError> {
        self.advance(step);
        let receipt = ReceiptHandle::parse(handle, &self.name)?;
        let Some((standing, message)) = self.shelf.get(receipt.sequence) else {
            return Ok(());
        };
        if !receipt.is_latest_of(message) {
            return Ok(());
        }
        if self.name.is_fifo() && standing != Standing::InFlight {
            return Err(SqsError::invalid("ReceiptHandle", handle, "The receipt handle has expired."));
        }
        self.take(receipt.sequence, step);
        // In a FIFO queue this can open the message's group.
        self.announce();
        Ok(())
    }

    /// Hides a message in flight for `timeout` seconds from now on.
    pub(crate) fn change_visibility(
        &mut self,
        handle: &str,
        timeout: u32,
        step: &mut Step,
    ) -> Result<(), SqsError> {
        self.advance(step);
        let receipt = ReceiptHandle::parse(handle, &self.name)?;
        let held = self.shelf.get(receipt.sequence).filter(|(_, message)| receipt.is_latest_of(message));
        let Some((standing, message)) = held else {
            return Err(SqsError::invalid(
                "ReceiptHandle",
                handle,
                "Message does not exist or is not available for visibility timeout change.",
            ));
        };
        if standing != Standing::InFlight {
            return Err(SqsError::MessageNotInflight);
        }
        let visible_at = step.now + u64::from(timeout) * 1_000;
        let longest = u64::from(*limits::VISIBILITY_TIMEOUT.end()) * 1_000;
        if message.delivery.received_at.is_some_and(|at| visible_at > at + longest) {
            return Err(SqsError::invalid(
                "VisibilityTimeout",
                &timeout,
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
            ));
        }
        self.hide_until(&receipt, visible_at, step);
        self.announce();
        Ok(())
    }

    pub(super) fn hide_until(
        &mut self,
        receipt: &ReceiptHandle,
        visible_at: u64,
        step: &mut Step,
    ) -> Option<Message> {
        let message =
            self.shelf.update(receipt.sequence, step.now, |delivery| delivery.visible_at = visible_at)?;
        step.record(Change::PutMessage(self.name.clone(), receipt.sequence, message.clone()));
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, grouped, name};
    use super::*;

    #[test]
    fn a_stale_receipt_handle_deletes_nothing_and_is_no_error() {
        let mut desk = Desk::new().with_queue("q", &[]);
        desk.send_bodies("q", &["a"]);
        let stale = desk.receive("q").remove(0);
        desk.pass(31);
        let latest = desk.receive("q").remove(0);
        assert_eq!(desk.delete("q", &stale), Ok(()));
        assert_eq!(desk.counts("q"), (0, 1, 0));
        assert!(desk.hide("q", &stale, 0).is_err(), "it is another consumer's now");
        assert_eq!(desk.delete("q", &latest), Ok(()));
        assert_eq!(desk.delete("q", &latest), Ok(()), "deleting twice is no error");
        assert_eq!(desk.counts("q"), (0, 0, 0));
    }

    #[test]
    fn a_handle_of_a_deleted_queue_does_not_touch_its_successor() {
        let mut desk = Desk::new().with_queue("q", &[]);
        desk.send_bodies("q", &["old"]);
        let old = desk.receive("q").remove(0);
        desk.store.delete_queue(&name("q"), &mut desk.step).unwrap();
        desk.pass(60);
        desk.create("q", &[]).unwrap();
        desk.send_bodies("q", &["new"]);
        desk.receive("q");
        assert_eq!(desk.delete("q", &old), Ok(()));
        assert_eq!(desk.counts("q"), (0, 1, 0));
    }

    #[test]
    fn a_handle_of_another_queue_is_invalid() {
        let mut desk = Desk::new().with_queue("q", &[]).with_queue("other", &[]);
        desk.send_bodies("q", &["a"]);
        let received = desk.receive("q").remove(0);
        assert_eq!(desk.delete("other", &received), Err(SqsError::ReceiptHandleIsInvalid));
    }

    #[test]
    fn a_message_is_in_flight_for_twelve_hours_at_most() {
        let mut desk = Desk::new().with_queue("q", &[]);
        desk.send_bodies("q", &["a"]);
        let received = desk.receive("q").remove(0);
        assert_eq!(desk.hide("q", &received, 43_200), Ok(()));
        desk.pass(1);
        assert!(matches!(desk.hide("q", &received, 43_200), Err(SqsError::InvalidParameterValue { .. })));
        assert_eq!(desk.hide("q", &received, 43_199), Ok(()));
    }

    #[test]
    fn after_its_visibility_a_message_is_not_in_flight() {
        let mut desk = Desk::new().with_queue("q", &[]).with_queue("q.fifo", &[]);
        desk.send_bodies("q", &["a"]);
        desk.send("q.fifo", grouped("g", "a")).unwrap();
        let (standard, fifo) = (desk.receive("q").remove(0), desk.receive("q.fifo").remove(0));
        desk.pass(30);
        assert_eq!(desk.hide("q", &standard, 5), Err(SqsError::MessageNotInflight));
        assert_eq!(desk.delete("q", &standard), Ok(()), "a standard queue still deletes it");
        assert!(desk.delete("q.fifo", &fifo).is_err(), "a FIFO queue does not");
    }
}
