//! A store whose time a test moves, in the words of a test.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Accepted, Outgoing, Queue, Receive, Received, Step, Store};
use crate::sqs::digest;
use crate::sqs::error::SqsError;
use crate::sqs::message_attributes::MessageAttributes;
use crate::sqs::name::QueueName;

/// Some time in 2026, so that sequences look as they do in earnest.
const START: u64 = 1_795_000_000_000;

pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) step: Step,
}

pub(crate) fn name(name: &str) -> QueueName {
    QueueName::parse(name).unwrap()
}

/// A redrive policy in the words of the attribute.
pub(crate) fn redrive_to(target: &str, max_receive_count: u32) -> String {
    format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{max_receive_count}}}"#, name(target).arn())
}

pub(crate) fn message(body: &str) -> Outgoing {
    Outgoing {
        id: Uuid::new_v4(),
        body: body.to_owned(),
        md5_of_body: digest::md5(body),
        attributes: MessageAttributes::new(),
        trace_header: None,
        group: None,
        deduplication_id: None,
        delay_seconds: None,
    }
}

/// A message for a FIFO queue.
pub(crate) fn grouped(group: &str, body: &str) -> Outgoing {
    Outgoing {
        group: Some(group.to_owned()),
        deduplication_id: Some(Uuid::new_v4().to_string()),
        ..message(body)
    }
}

pub(crate) fn ten() -> Receive {
    Receive { max: 10, visibility_timeout: None, attempt_id: None }
}

pub(crate) fn bodies(received: &[Received]) -> Vec<&str> {
    received.iter().map(|received| received.message.sent.body.as_str()).collect()
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { store: Store::default(), step: Step::at(START) }
    }

    pub(crate) fn with_queue(mut self, queue: &str, attributes: &[(&str, &str)]) -> Self {
        self.create(queue, attributes).unwrap();
        self
    }

    pub(crate) fn create(&mut self, queue: &str, attributes: &[(&str, &str)]) -> Result<(), SqsError> {
        let wanted =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.store.create_queue(&name(queue), &wanted, BTreeMap::new(), &mut self.step)
    }

    pub(crate) fn queue(&mut self, queue: &str) -> &mut Queue {
        self.store.queue(&name(queue)).unwrap()
    }

    pub(crate) fn send(&mut self, queue: &str, message: Outgoing) -> Result<Accepted, SqsError> {
        self.store.queue(&name(queue))?.send(message, &mut self.step)
    }

    pub(crate) fn send_bodies(&mut self, queue: &str, bodies: &[&str]) {
        bodies.iter().for_each(|body| {
            self.send(queue, message(body)).unwrap();
        });
    }

    pub(crate) fn receive(&mut self, queue: &str) -> Vec<Received> {
        self.receive_as(queue, &ten())
    }

    pub(crate) fn receive_as(&mut self, queue: &str, ask: &Receive) -> Vec<Received> {
        self.store.receive(&name(queue), ask, &mut self.step).unwrap()
    }

    pub(crate) fn delete(&mut self, queue: &str, received: &Received) -> Result<(), SqsError> {
        self.store.queue(&name(queue))?.delete(&received.handle.encode(), &mut self.step)
    }

    pub(crate) fn hide(&mut self, queue: &str, received: &Received, seconds: u32) -> Result<(), SqsError> {
        self.store.queue(&name(queue))?.change_visibility(&received.handle.encode(), seconds, &mut self.step)
    }

    /// Lets time go by while nobody looks.
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.step.now += seconds * 1_000;
    }

    /// What the timekeeper does when something is due.
    pub(crate) fn keep_time(&mut self) {
        self.store.advance(&mut self.step);
    }

    /// Visible, in flight and delayed messages.
    pub(crate) fn counts(&mut self, queue: &str) -> (usize, usize, usize) {
        let messages = self.queue(queue).shelf();
        (messages.visible(), messages.in_flight(), messages.delayed())
    }
}
