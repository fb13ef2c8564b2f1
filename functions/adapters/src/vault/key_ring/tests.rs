use std::cell::Cell;

use domain::shared::unavailable::Unavailable;
use domain::testing::fakes::ManualClock;
use futures_util::future::join_all;
use zeroize::Zeroizing;

use super::*;

/// Counts how often a key is decrypted.
struct Ring {
    ring: KeyRing,
    decrypted: Cell<usize>,
}

impl Ring {
    fn new(clock: &ManualClock) -> Self {
        Self { ring: KeyRing::new(Arc::new(clock.clone())), decrypted: Cell::new(0) }
    }

    async fn get(&self, associated_data: &str, data_key: usize) -> Result<Key> {
        let id = (associated_data.as_bytes().to_vec(), Bytes::from(data_key.to_string()));
        let decrypt = async {
            self.decrypted.set(self.decrypted.get() + 1);
            tokio::task::yield_now().await;
            Ok(Zeroizing::new([1; 32]))
        };
        self.ring.get(id, decrypt).await
    }
}

#[tokio::test]
async fn a_key_is_opened_once_in_five_minutes() {
    let clock = ManualClock::new(1_000_000);
    let ring = Ring::new(&clock);
    join_all((0..10).map(|_| ring.get("a", 1))).await;
    assert_eq!(ring.decrypted.get(), 1, "ten concurrent callers wait for one decryption");
    clock.advance(MAX_AGE - Duration::from_millis(1));
    ring.get("a", 1).await.unwrap();
    assert_eq!(ring.decrypted.get(), 1);
    clock.advance(Duration::from_millis(1));
    ring.get("a", 1).await.unwrap();
    assert_eq!(ring.decrypted.get(), 2);
}

#[tokio::test]
async fn a_key_that_was_opened_for_one_thing_is_not_open_for_another() {
    let ring = Ring::new(&ManualClock::new(0));
    ring.get("a", 1).await.unwrap();
    ring.get("b", 1).await.unwrap();
    assert_eq!(ring.decrypted.get(), 2);
}

#[tokio::test]
async fn no_more_than_a_thousand_are_kept_and_the_oldest_goes() {
    let clock = ManualClock::new(0);
    let ring = Ring::new(&clock);
    for key in 0..=MAX_KEYS {
        ring.get("a", key).await.unwrap();
        clock.advance(Duration::from_millis(1));
    }
    assert_eq!(ring.ring.entries.lock().unwrap().len(), MAX_KEYS);
    ring.get("a", MAX_KEYS).await.unwrap();
    assert_eq!(ring.decrypted.get(), MAX_KEYS + 1, "the newest is cached");
    ring.get("a", 0).await.unwrap();
    assert_eq!(ring.decrypted.get(), MAX_KEYS + 2, "the oldest is not");
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let ring = Ring::new(&ManualClock::new(0));
    let fails = async { Err(Unavailable::new("test", "no")) };
    assert!(ring.ring.get((b"a".to_vec(), Bytes::from("1")), fails).await.is_err());
    assert!(ring.get("a", 1).await.is_ok());
}
