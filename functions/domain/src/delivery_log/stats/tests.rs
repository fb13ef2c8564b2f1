use super::*;
use crate::delivery::record::Delivery;
use crate::delivery::state::DeliveryState;
use crate::testing::fakes::sample;

fn summary(millis: u64, status: DeliveryStatus, attempts: u8, latencies: &[u64]) -> Summary {
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
    Summary {
        delivery: Delivery { created_at: at, ..sample::delivery() },
        state,
        delivered_later_by: None,
        latencies: latencies.iter().copied().map(Duration::from_millis).collect(),
    }
}

#[test]
fn each_attempt_counts_once_in_the_stretch_of_its_delivery() {
    use DeliveryStatus::{Delivered, Exhausted, Retrying, Skipped};
    let log = [
        summary(100, Delivered, 3, &[20, 30, 10]),
        summary(149, Retrying, 1, &[]),
        summary(150, Exhausted, 4, &[40, 10_000, 10_000]),
        summary(199, Skipped, 0, &[]),
        summary(200, Delivered, 1, &[1]),
        summary(99, Delivered, 1, &[1]),
    ];
    let counted = attempts_over_time(&log, Timestamp::from_millis(100), Timestamp::from_millis(200), 2);
    let shown = |attempts: &Attempts| {
        let at = |percent| attempts.percentile(percent).map(|latency| latency.as_millis());
        (attempts.succeeded, attempts.failed, at(50), at(95))
    };
    let buckets: Vec<_> = counted.buckets.iter().map(|(start, a)| (start.as_millis(), shown(a))).collect();
    assert_eq!(buckets, [(100, (1, 3, Some(20), Some(30))), (150, (0, 4, Some(10_000), Some(10_000)))]);
    assert_eq!(shown(&counted.all), (1, 7, Some(30), Some(10_000)));
}

#[test]
fn a_percentile_is_one_of_the_latencies() {
    let hundred: Vec<_> = (1..=100).rev().collect();
    let log = [summary(0, DeliveryStatus::Delivered, 1, &hundred)];
    let all = attempts_over_time(&log, Timestamp::from_millis(0), Timestamp::from_millis(1), 1).all;
    for percent in [1, 50, 95, 100] {
        assert_eq!(all.percentile(percent), Some(Duration::from_millis(percent as u64)));
    }
    assert_eq!(Attempts::default().percentile(50), None);
}

#[test]
fn an_empty_stretch_of_time_is_no_division_by_zero() {
    let now = Timestamp::from_millis(5);
    assert_eq!(attempts_over_time(&[], now, now, 0).buckets.len(), 1);
}
