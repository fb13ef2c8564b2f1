use proptest::prelude::*;

use super::*;
use crate::testing::fakes::sample;

const START: Timestamp = Timestamp::from_millis(1_756_720_060_200);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn delivery(number: u64) -> DeliveryId {
    sample::delivery().id.resend_id(&number.to_string()).unwrap()
}

/// The end of the delivery with this number, so many seconds after the start.
fn end(number: u64, result: EndResult) -> End {
    let outcome = if result == EndResult::Delivered { "success" } else { "http_error" };
    End { delivery: delivery(number), at: START + Duration::from_secs(number), outcome, result }
}

fn after(health: &Health, ends: &[(u64, EndResult)]) -> Health {
    let ends: Vec<_> = ends.iter().map(|&(number, result)| end(number, result)).collect();
    health.after(&ends, Some(DAY))
}

fn failing() -> Health {
    after(&Health::new(START), &[1, 2, 3, 4, 5].map(|number| (number, EndResult::Failed)))
}

#[test]
fn five_failures_in_a_row_make_it_failing_and_the_next_success_healthy() {
    use EndResult::{Delivered, Failed};
    let four = after(&Health::new(START), &[1, 2, 3, 4].map(|number| (number, Failed)));
    assert_eq!((four.state, four.since, four.consecutive_failures), (HealthState::Healthy, START, 4));
    let broken = after(&four, &[(5, Delivered), (6, Failed)]);
    assert_eq!(
        (broken.state, broken.consecutive_failures, broken.changes.len()),
        (HealthState::Healthy, 1, 0)
    );

    let failing = after(&four, &[(5, Failed)]);
    let fifth = START + Duration::from_secs(5);
    assert_eq!(
        (failing.state, failing.since, failing.consecutive_failures),
        (HealthState::Failing, fifth, 5)
    );
    let recovered = after(&failing, &[(6, Failed), (7, Delivered)]);
    assert_eq!((recovered.state, recovered.consecutive_failures), (HealthState::Healthy, 0));
    let told: Vec<_> =
        recovered.changes.iter().map(|change| (change.kind, change.consecutive_failures)).collect();
    assert_eq!(told, [(EventKind::DestinationFailing, 5), (EventKind::DestinationRecovered, 6)]);
    assert_eq!(recovered.changes_since(&failing).count(), 1);
}

#[test]
fn a_failure_that_is_told_twice_or_late_counts_once_or_not() {
    use EndResult::{Delivered, Failed};
    let twice = after(&Health::new(START), &[(1, Failed), (1, Failed), (2, Failed), (1, Failed)]);
    assert_eq!(twice.consecutive_failures, 2);
    let late = after(&after(&Health::new(START), &[(9, Delivered)]), &[(3, Failed)]);
    assert_eq!((late.consecutive_failures, late.last_failure_at), (0, None));
    // The success came before the failures.
    let failing = after(&failing(), &[(0, Delivered)]);
    assert_eq!((failing.state, failing.changes.len()), (HealthState::Failing, 1));
}

#[test]
fn it_is_disabled_when_it_is_gone_or_after_a_day_of_nothing_but_failures() {
    let gone = after(&Health::new(START), &[(1, EndResult::Gone)]);
    assert_eq!((gone.state, gone.reason.as_deref()), (HealthState::Disabled, Some("It answered 410 Gone.")));
    let (day, failing) = (DAY.as_secs(), failing());
    for (at, state) in [(day, HealthState::Failing), (day + 1, HealthState::Disabled)] {
        let health = after(&failing, &[(at, EndResult::Failed)]);
        assert_eq!(health.state, state, "{at}");
    }
    let never = failing.after(&[end(1000 * day, EndResult::Failed)], None);
    assert_eq!(never.state, HealthState::Failing);
    let disabled = after(&failing, &[(day + 1, EndResult::Failed), (day + 2, EndResult::Delivered)]);
    assert_eq!(disabled.state, HealthState::Disabled, "what was under way enables nothing");
    assert_eq!(disabled.reason.as_deref(), Some("Every delivery has failed for 24 hours."));
    let enabled = disabled.switched(true, START + DAY + DAY);
    assert_eq!(
        (enabled.state, enabled.consecutive_failures, &enabled.reason),
        (HealthState::Healthy, 0, &None)
    );
    assert_eq!(enabled.changes, disabled.changes, "their notices may not have left");
}

#[test]
fn what_changes_nothing_is_written_once_a_minute() {
    use EndResult::{Delivered, Failed};
    let healthy = after(&Health::new(START), &[(1, Delivered)]);
    for (before, number, result, expected) in [
        (&Health::new(START), 1, Delivered, true),
        (&healthy, 2, Delivered, false),
        (&healthy, 60, Delivered, false),
        (&healthy, 61, Delivered, true),
        (&healthy, 2, Failed, true),
        (&failing(), 6, Failed, false),
        (&failing(), 65, Failed, true),
        (&failing(), 6, Delivered, true),
    ] {
        let is_written = after(before, &[(number, result)]).is_worth_writing(before);
        assert_eq!(is_written, expected, "{number} {result:?}");
    }
}

proptest! {
    /// However ends are batched, the state is what they say in their order, and each change is kept once.
    #[test]
    fn the_state_is_what_the_ends_say(results in prop::collection::vec(any::<bool>(), 1..60), batch in 1usize..12) {
        let ends: Vec<_> = results.iter().zip(1..).map(|(&ok, number)| {
            end(number, if ok { EndResult::Delivered } else { EndResult::Failed })
        }).collect();
        let (mut health, mut changes) = (Health::new(START), Vec::new());
        for batch in ends.chunks(batch) {
            let next = health.after(batch, None);
            changes.extend(next.changes_since(&health).cloned());
            health = next;
        }
        let (mut run, mut failing, mut expected) = (0u32, false, Vec::new());
        for (&ok, end) in results.iter().zip(&ends) {
            run = if ok { 0 } else { run + 1 };
            if (ok && failing) || run == 5 {
                failing = !ok;
                expected.push((failing, end.at));
            }
        }
        prop_assert_eq!(health.consecutive_failures, run);
        prop_assert_eq!(health.state == HealthState::Failing, failing);
        let told: Vec<_> =
            changes.iter().map(|change| (change.kind == EventKind::DestinationFailing, change.since)).collect();
        prop_assert_eq!(told, expected);
    }
}
