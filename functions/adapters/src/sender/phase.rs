//! Tracks how far a request got before it timed out. To the client, everything up to the first byte is one "connect
//! timeout"; the customer needs to know whether the name server, the server or TLS did not respond.

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

/// The phases of opening a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Resolving,
    Connecting,
    Handshaking,
    /// The server has asked for a client certificate.
    Authenticating,
}

// All attempts share the client's resolver and TLS configuration. The client opens a connection within the task that
// sends, so a task-local value belongs to one attempt.
tokio::task_local! {
    static PHASE: Cell<Phase>;
}

/// Runs an attempt; returns its result and the phase that it reached.
pub(super) async fn tracked<T>(attempt: impl Future<Output = T>) -> (T, Phase) {
    let attempt = async { (attempt.await, PHASE.with(Cell::get)) };
    PHASE.scope(Cell::new(Phase::Connecting), attempt).await
}

/// Records that the current task's attempt has reached a phase.
pub(super) fn reached(phase: Phase) {
    // Outside an attempt there is nothing to record.
    let _ = PHASE.try_with(|current| current.set(phase));
}

/// Detects the start of a TLS handshake, which first asks us whether we have client certificates, and a server's request
/// for one. There is none.
#[derive(Debug)]
pub(super) struct HandshakeWatch;

impl ResolvesClientCert for HandshakeWatch {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        reached(Phase::Authenticating);
        None
    }

    fn has_certs(&self) -> bool {
        reached(Phase::Handshaking);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn attempts_in_one_task_do_not_mix() {
        let slow = tracked(async {
            reached(Phase::Resolving);
            tokio::task::yield_now().await;
        });
        let quick = tracked(async { HandshakeWatch.has_certs() });
        let (((), slow), (_, quick)) = futures_util::future::join(slow, quick).await;
        assert_eq!((slow, quick), (Phase::Resolving, Phase::Handshaking));
    }
}
