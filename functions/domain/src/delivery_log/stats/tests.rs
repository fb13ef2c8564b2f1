use super::*;
use crate::delivery::record::Delivery;
use crate::delivery::state::DeliveryState;
use crate::testing::fakes::sample;

fn summary(millis: u64, status: DeliveryStatus, attempts: u8) -> Summary {
    let at = Timestamp::from_millis(millis);
    let state = DeliveryState {
        status,
        attempts,
        outcome: None,
        http_status: None,
        error: None,
        next_at: None,
        updated_at: at,
    };
    Summary { delivery: Delivery { created_at: at, ..sample::delivery() }, state, delivered_later_by: None }
}

#[test]
fn each_attempt_counts_once_in_the_stretch_of_its_delivery() {
    use DeliveryStatus::{Delivered, Exhausted, Retrying, Skipped};
    let log = [
        summary(100, Delivered, 3),
        summary(149, Retrying, 1),
        summary(150, Exhausted, 4),
        summary(199, Skipped, 0),
        summary(200, Delivered, 1),
        summary(99, Delivered, 1),
    ];
    let counted = attempts_over_time(&log, Timestamp::from_millis(100), Timestamp::from_millis(200), 2);
    let counted: Vec<_> = counted.iter().map(|b| (b.start.as_millis(), b.succeeded, b.failed)).collect();
    assert_eq!(counted, [(100, 1, 3), (150, 0, 4)]);
}

#[test]
fn an_empty_stretch_of_time_is_no_division_by_zero() {
    let now = Timestamp::from_millis(5);
    assert_eq!(attempts_over_time(&[], now, now, 0).len(), 1);
}
