//! Calls to a table or a queue as our clients make them, under faults. The server may apply a call after its caller has
//! died.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use domain::shared::clock::Clock;
use domain::shared::skew_corrected_clock::SkewCorrectedClock;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Unavailable};
use domain::testing::fakes::SeededRandomness;

use crate::executor::Time;
use crate::faults::{Fault, Faults, Point};

/// Tries of one call, and the client's timeout of each, as in `adapters::aws`.
const TRIES: usize = 3;
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// The life of one invocation, which ends at once when it is killed.
#[derive(Clone, Default)]
pub(crate) struct Life(Arc<Mutex<(bool, Option<Waker>)>>);

impl Life {
    pub(crate) fn end(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 = true;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }
}

/// Ready once the life has ended.
impl Future for Life {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock().unwrap();
        if state.0 {
            return Poll::Ready(());
        }
        state.1 = Some(context.waker().clone());
        Poll::Pending
    }
}

/// The network between one invocation and everything outside.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) time: Time,
    pub(crate) randomness: SeededRandomness,
    pub(crate) faults: Faults,
    pub(crate) life: Life,
    /// The sandbox's clock, which observes the `Date` headers of responses.
    pub(crate) clock: Arc<SkewCorrectedClock>,
    pub(crate) syncs_clocks: bool,
}

impl Network {
    /// Applies an effect on the server, perhaps more than once.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        at: Point,
        effect: impl Fn() -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let effect = Arc::new(effect);
        for _ in 0..TRIES {
            if let Some(answer) = self.one_try(at, &effect).await {
                return answer;
            }
            self.time.sleep(self.randomness.millis(1, 1000)).await;
        }
        Err(Unavailable::new("call the server", "simulated failure"))
    }

    async fn one_try<T: Send + 'static>(
        &self,
        at: Point,
        effect: &Arc<impl Fn() -> Result<T> + Send + Sync + 'static>,
    ) -> Option<Result<T>> {
        let happens = |fault| self.faults.happens(at, fault);
        if happens(Fault::KilledBefore) {
            return self.die().await;
        }
        let is_out = self.faults.is_out(at);
        let hangs = is_out && self.randomness.chance(0.5);
        if (is_out && !hangs) || happens(Fault::Refused) {
            self.time.sleep(self.travel()).await;
            return None;
        }
        if hangs || happens(Fault::LostRequest) {
            self.time.sleep(CALL_TIMEOUT).await;
            return None;
        }
        let to_server = if happens(Fault::LateWrite) {
            self.randomness.millis(2001, 8000)
        } else if happens(Fault::SlowCall) {
            self.randomness.millis(500, 1900)
        } else {
            self.travel()
        };
        let (sent, answer) = (self.clock.local_now(), Arc::new(Mutex::new(None)));
        let (effect, slot, time) = (Arc::clone(effect), Arc::clone(&answer), self.time.clone());
        self.time.after(to_server, move || *slot.lock().unwrap() = Some((effect(), time.now())));
        if happens(Fault::KilledAfter) {
            self.time.sleep(to_server).await;
            return self.die().await;
        }
        if happens(Fault::LostAnswer) || to_server > CALL_TIMEOUT {
            self.time.sleep(CALL_TIMEOUT).await;
            return None;
        }
        self.time.sleep(to_server + self.travel()).await;
        let (answer, written) = answer.lock().unwrap().take()?;
        if self.syncs_clocks {
            self.clock.observe(Timestamp::from_millis(written.as_secs() * 1000), sent);
        }
        Some(answer)
    }

    /// Ends the life and never returns: the mapping drops the invocation.
    pub(crate) async fn die<T>(&self) -> T {
        self.life.end();
        std::future::pending().await
    }

    fn travel(&self) -> Duration {
        self.randomness.millis(1, 8)
    }
}
