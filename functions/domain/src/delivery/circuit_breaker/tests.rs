use super::*;
use crate::testing::fakes::CapturedLog;

const NOW: Timestamp = Timestamp::from_millis(1_788_256_800_000);

fn id(text: &str) -> DestinationId {
    DestinationId::parse(text).unwrap()
}

fn see(circuit_breaker: &CircuitBreaker, reactions: &[Reaction], now: Timestamp) {
    let destination = id("dst_1");
    let batch: Vec<_> = reactions.iter().map(|reaction| (&destination, *reaction)).collect();
    circuit_breaker.record(&batch, now);
}

fn after_timeouts(count: u32) -> CircuitBreaker {
    let circuit_breaker = CircuitBreaker::default();
    for _ in 0..count {
        see(&circuit_breaker, &[Reaction::Hangs], NOW);
    }
    circuit_breaker
}

#[test]
fn the_third_timeout_in_a_row_opens_it_for_its_destination() {
    assert!(!after_timeouts(2).is_open(&id("dst_1"), NOW));
    let circuit_breaker = after_timeouts(3);
    assert!(circuit_breaker.is_open(&id("dst_1"), NOW));
    assert!(!circuit_breaker.is_open(&id("dst_2"), NOW));
}

#[test]
fn the_log_says_once_that_it_opens() {
    let lines = CapturedLog::start();
    after_timeouts(OPEN_AFTER - 1);
    assert!(lines.of("circuit_breaker.opened").is_empty());
    after_timeouts(OPEN_AFTER + 1);
    assert_eq!(lines.of("circuit_breaker.opened"), [" destination_id=dst_1"]);
}

#[test]
fn an_answer_closes_it_and_no_other_end_does() {
    for (reaction, is_answer) in
        [(Reaction::Answers, true), (Reaction::Fails, false), (Reaction::Hangs, false)]
    {
        let circuit_breaker = after_timeouts(3);
        see(&circuit_breaker, &[reaction], NOW);
        assert_eq!(circuit_breaker.is_open(&id("dst_1"), NOW), !is_answer, "{reaction:?}");
        see(&circuit_breaker, &[Reaction::Hangs; 2], NOW);
        assert_eq!(circuit_breaker.is_open(&id("dst_1"), NOW), !is_answer, "{reaction:?}, and two timeouts");
    }
}

#[test]
fn timeouts_beside_an_answer_open_nothing_in_whatever_order_they_end() {
    let (answer, timeout) = (Reaction::Answers, Reaction::Hangs);
    for batch in [[answer, timeout, timeout, timeout], [timeout, timeout, timeout, answer]] {
        let circuit_breaker = CircuitBreaker::default();
        see(&circuit_breaker, &batch, NOW);
        assert!(!circuit_breaker.is_open(&id("dst_1"), NOW));
    }
}

#[test]
fn after_a_minute_one_more_timeout_opens_it_again() {
    let circuit_breaker = after_timeouts(OPEN_AFTER);
    let later = NOW + OPEN_FOR;
    assert!(circuit_breaker.is_open(&id("dst_1"), NOW + (OPEN_FOR - Duration::from_millis(1))));
    assert!(!circuit_breaker.is_open(&id("dst_1"), later));
    see(&circuit_breaker, &[Reaction::Hangs], later);
    assert!(circuit_breaker.is_open(&id("dst_1"), later));
}

#[test]
fn who_has_not_timed_out_for_long_is_forgotten() {
    let circuit_breaker = after_timeouts(OPEN_AFTER);
    let later = NOW + FORGET_AFTER;
    see(&circuit_breaker, &[], NOW + (FORGET_AFTER - Duration::from_millis(1)));
    assert_eq!(circuit_breaker.timeouts().len(), 1);
    see(&circuit_breaker, &[Reaction::Hangs], later);
    assert!(!circuit_breaker.is_open(&id("dst_1"), later));
}
