use super::*;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A clock that corrects the sandbox's own, which is five minutes behind.
struct Behind;

impl Clock for Behind {
    fn now(&self) -> Timestamp {
        self.own() + Duration::from_secs(300)
    }

    fn own(&self) -> Timestamp {
        Timestamp::from_millis(1_756_720_060_200)
    }
}

#[test]
fn a_deadline_is_as_far_ahead_as_it_was_stated() {
    for (stated, ahead) in [
        (Behind.own() + Duration::from_millis(5), Duration::from_millis(5)),
        (Behind.own() + TIMEOUT * 2, TIMEOUT),
        (Timestamp::from_millis(600_000), TIMEOUT),
    ] {
        let mut context = Context::default();
        context.deadline = stated.as_millis();
        assert_eq!(of(&context, TIMEOUT, &Behind), Behind.now() + ahead);
    }
}
