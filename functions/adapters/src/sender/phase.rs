//! How far a request came before it hung. To the client, all of the way to the first byte is one "connect timeout"; the
//! customer needs to know whether name server, server or TLS did not answer.

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

/// What is being waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Resolving,
    Connecting,
    Handshaking,
}

// Resolver and TLS belong to the client, which all attempts share. The client opens connections within the task that
// sends, so a value of the task is a value of the attempt.
tokio::task_local! {
    static STEP: Cell<Step>;
}

/// Runs an attempt; says how it ended and which step it reached.
pub(super) async fn tracked<T>(attempt: impl Future<Output = T>) -> (T, Step) {
    let attempt = async { (attempt.await, STEP.with(Cell::get)) };
    STEP.scope(Cell::new(Step::Connecting), attempt).await
}

/// Notes that the attempt of this task is there.
pub(super) fn reached(step: Step) {
    // Outside of an attempt there is nothing to note.
    let _ = STEP.try_with(|current| current.set(step));
}

/// Has no certificate of a client's. That is what TLS asks first in every handshake, and it asks once the connection
/// stands.
#[derive(Debug)]
pub(super) struct HandshakeWatch;

impl ResolvesClientCert for HandshakeWatch {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        reached(Step::Handshaking);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn attempts_in_one_task_do_not_mix() {
        let slow = tracked(async {
            reached(Step::Resolving);
            tokio::task::yield_now().await;
        });
        let quick = tracked(async { HandshakeWatch.has_certs() });
        let (((), slow), (_, quick)) = futures_util::future::join(slow, quick).await;
        assert_eq!((slow, quick), (Step::Resolving, Step::Handshaking));
    }
}
