//! Notices of a destination's health.

use super::*;
use crate::destination::health::{End, EndResult, Health};
use crate::destination::store::SavedHealth;
use crate::event::message::{NoticeMessage, Version};
use crate::shared::timestamp::Timestamp;
use crate::shared::wait::Wait;

impl Scene {
    /// `dst_off` has begun to fail, if the change was written; `dst_on` wants to hear of it.
    fn failing(&self, is_written: bool, listens: bool) -> NoticeMessage {
        let of = sample::destination("dst_off");
        let since = self.clock.now();
        let ends: Vec<_> = (0..5)
            .map(|number| {
                let delivery = sample::delivery().id.resend_id(&format!("{number}")).unwrap();
                End { delivery, at: since, outcome: "timeout", result: EndResult::Failed }
            })
            .collect();
        if is_written {
            let health = Health::new(Timestamp::from_millis(1)).after(&ends, None);
            let saved = self.destinations.save_health(&of, &health);
            futures_util::FutureExt::now_or_never(saved).unwrap().unwrap();
        }
        if listens {
            let events = vec![EventKind::DestinationFailing].try_into().unwrap();
            let agents = vec!["a".to_owned()].try_into().unwrap();
            self.destinations.put(Destination { events, agents, ..sample::destination("dst_on") });
        }
        NoticeMessage {
            v: Version,
            account_id: of.account_id,
            destination_id: of.id,
            event: EventKind::DestinationFailing,
            since,
            wait: Wait::FOR_WRITE,
        }
    }

    async fn notify(&self, message: &NoticeMessage) -> Verdict {
        let (message, receipt) = (&Message::Notice(message.clone()), &Receipt("r".to_owned()));
        self.step.run(&[ReceivedEvent { message, receipt, is_first: true }]).await[0]
    }
}

#[tokio::test]
async fn a_notice_goes_to_those_that_name_it_and_repeats_are_the_same() {
    let scene = Scene::set().await;
    let message = scene.failing(true, true);
    for _ in 0..2 {
        assert_eq!(scene.notify(&message).await, Verdict::Done);
        scene.clock.advance(Duration::from_secs(7));
    }
    let sent = scene.deliveries.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
    assert_eq!((&sent[0].conversation_id, sent[0].event), (&None, EventKind::DestinationFailing));
    let StoredEvent::Kept { event, .. } = scene.destinations.events().get(&message.event_id()) else {
        panic!()
    };
    let expected = format!(
        "{{\"event\":\"destination.failing\",\"id\":\"{}\",\"account_id\":\"acc_1\",\"destination_id\":\"dst_off\",\
         \"name\":\"CRM\",\"state\":\"failing\",\"since\":\"{}\",\"consecutive_failures\":5,\"last_outcome\":\"timeout\"}}",
        message.event_id(),
        message.since
    );
    assert_eq!(event.payload, expected);
}

#[tokio::test]
async fn a_change_that_was_not_written_is_never_told_and_its_late_writer_starts_over() {
    let scene = Scene::set().await;
    let late = scene.destinations.health_of(&sample::destination("dst_off").id).unwrap();
    let message = scene.failing(false, true);
    assert_eq!(scene.notify(&message).await, Verdict::Done);
    let written = scene.destinations.save_health(&sample::destination("dst_off"), &late).await.unwrap();
    assert_eq!(written, SavedHealth::Conflict);
    assert!(scene.deliveries.sent().is_empty());
    assert!(matches!(scene.destinations.events().get(&message.event_id()), StoredEvent::Absent));
}

#[tokio::test]
async fn a_notice_that_nobody_wants_is_no_event() {
    let scene = Scene::set().await;
    let message = scene.failing(true, false);
    assert_eq!(scene.notify(&message).await, Verdict::Done);
    assert!(matches!(scene.destinations.events().get(&message.event_id()), StoredEvent::Absent));
    assert!(!scene.destinations.events().is_unwanted(&message.event_id()));
}

#[tokio::test]
async fn a_notice_that_cannot_be_sent_on_waits_as_a_copy() {
    let scene = Scene::set().await;
    let message = scene.failing(true, true);
    scene.deliveries.fail_next();
    assert_eq!(scene.notify(&message).await, Verdict::Done);
    assert_eq!(scene.events.notices(), [message.after_failure()]);
}
