//! A store for tests, whose clock the test moves.

use uuid::Uuid;

use super::{Queue, ReceiveRequest, ReceivedMessage, SentMessage, Store, Transaction};
use crate::sqs::digest;
use crate::sqs::error::SqsError;
use crate::sqs::queue_name::QueueName;

/// A time in 2026, so that sequence numbers are as large as in production.
const START: u64 = 1_795_000_000_000;

pub(crate) struct TestStore {
    pub(crate) store: Store,
    pub(crate) tx: Transaction,
}

pub(crate) fn name(name: &str) -> QueueName {
    QueueName::parse(name).unwrap()
}

/// The attribute `RedrivePolicy`.
pub(crate) fn redrive_to(target: &str, max_receive_count: u32) -> String {
    format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{max_receive_count}}}"#, name(target).arn())
}

pub(crate) fn message(body: &str) -> SentMessage {
    SentMessage {
        id: Uuid::new_v4().to_string(),
        body: body.to_owned(),
        md5_of_body: digest::of_body(body),
        trace_header: None,
        group: None,
    }
}

pub(crate) fn up_to_ten() -> ReceiveRequest {
    ReceiveRequest { max: 10, visibility_timeout: None }
}

pub(crate) fn bodies(received: &[ReceivedMessage]) -> Vec<&str> {
    received.iter().map(|received| received.message.sent.body.as_str()).collect()
}

impl TestStore {
    pub(crate) fn new() -> Self {
        Self { store: Store::default(), tx: Transaction::at(START) }
    }

    pub(crate) fn with_queue(mut self, queue: &str, attributes: &[(&str, &str)]) -> Self {
        let values =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.store.create_queue(&name(queue), &values, &mut self.tx).unwrap();
        self
    }

    pub(crate) fn queue(&mut self, queue: &str) -> &mut Queue {
        self.store.queue(&name(queue)).unwrap()
    }

    pub(crate) fn send_bodies(&mut self, queue: &str, bodies: &[&str]) {
        let queue = self.store.queue(&name(queue)).unwrap();
        bodies.iter().for_each(|body| queue.send(message(body), 0, &mut self.tx));
    }

    pub(crate) fn receive(&mut self, queue: &str) -> Vec<ReceivedMessage> {
        self.receive_with(queue, &up_to_ten())
    }

    pub(crate) fn receive_with(&mut self, queue: &str, request: &ReceiveRequest) -> Vec<ReceivedMessage> {
        self.store.receive(&name(queue), request, &mut self.tx).unwrap()
    }

    pub(crate) fn delete(&mut self, queue: &str, received: &ReceivedMessage) -> Result<(), SqsError> {
        self.store.queue(&name(queue))?.delete(&received.handle.encode(), &mut self.tx)
    }

    pub(crate) fn change_visibility(
        &mut self,
        queue: &str,
        received: &ReceivedMessage,
        seconds: u32,
    ) -> Result<(), SqsError> {
        self.store.queue(&name(queue))?.change_visibility(&received.handle.encode(), seconds, &mut self.tx)
    }

    /// Moves the clock without processing what is due.
    pub(crate) fn advance_clock(&mut self, seconds: u64) {
        self.tx.now += seconds * 1_000;
    }

    /// Does what the endpoint does when a timeout ends.
    pub(crate) fn process_timeouts(&mut self) {
        self.store.process_timeouts(&mut self.tx);
    }

    /// Visible, in flight and delayed messages.
    pub(crate) fn counts(&mut self, queue: &str) -> (usize, usize, usize) {
        let messages = self.queue(queue).messages();
        (messages.visible(), messages.in_flight(), messages.delayed())
    }
}
