use super::*;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A clock that corrects the sandbox's own, which is five minutes behind.
struct Behind;

impl Clock for Behind {
    fn now(&self) -> Timestamp {
        self.local_now() + Duration::from_secs(300)
    }

    fn local_now(&self) -> Timestamp {
        Timestamp::from_millis(1_756_720_060_200)
    }
}

#[test]
fn a_deadline_is_as_far_ahead_as_it_was_stated() {
    for (stated, ahead) in [
        (Behind.local_now() + Duration::from_millis(5), Duration::from_millis(5)),
        (Behind.local_now() + TIMEOUT * 2, TIMEOUT),
        (Timestamp::from_millis(600_000), TIMEOUT),
    ] {
        let mut context = Context::default();
        context.deadline = stated.as_millis();
        assert_eq!(of(&context, TIMEOUT, &Behind), Behind.now() + ahead);
    }
}
