//! Rows of the fault matrix about the end of a conversation: who reports it, in which order, and what fails meanwhile.

use std::time::Duration;

use domain::conversation::ended::CompletionFlow::{Daily, Hangup, OutboundCall, Twilio};
use domain::event::kind::EventKind::{self, Completed, Disconnected, Failed};
use domain::event::store::StoredEvent;
use domain::shared::clock::Clock;

use crate::conversations::Report;
use crate::faults::{Fault, Point};
use crate::scene::Scene;
use crate::world::World;

const fn later(seconds: u64, report: Report) -> Report {
    Report { after: Duration::from_secs(seconds), ..report }
}

/// The platform's report that is added to for 20 seconds.
const fn delayed(report: Report) -> Report {
    Report { settle: Duration::from_secs(20), ..report }
}

const TWILIO: Report = Report::of(Twilio, Failed);
const DAILY: Report = Report::of(Daily, Disconnected);
const HANGUP: Report = Report::of(Hangup, Completed);
const OUTBOUND: Report = Report::of(OutboundCall, Disconnected);

/// Each order of the reports, how the event says that the conversation ended, and after how many seconds it leaves: a
/// provider's end settles for ten, and its message waits for twelve.
const ORDERS: [(&[Report], EventKind, u64); 12] = [
    (&[TWILIO], Failed, 12),
    (&[TWILIO, later(3, DAILY)], Failed, 12),
    (&[TWILIO, later(3, HANGUP)], Completed, 3),
    (&[TWILIO, later(30, HANGUP)], Failed, 12),
    (&[HANGUP, later(3, TWILIO)], Completed, 0),
    (&[HANGUP, later(30, TWILIO)], Completed, 0),
    (&[HANGUP, later(3, OUTBOUND)], Completed, 0),
    (&[TWILIO, later(3, delayed(HANGUP))], Completed, 23),
    (&[delayed(HANGUP), later(3, TWILIO)], Completed, 20),
    (&[delayed(HANGUP), later(30, TWILIO)], Completed, 20),
    (&[delayed(HANGUP), later(3, OUTBOUND)], Disconnected, 3),
    (&[TWILIO, later(3, delayed(HANGUP)), later(6, OUTBOUND)], Disconnected, 6),
];

/// Plays a scene to its end; returns how its event says that the conversation ended, and when the destination knew.
fn play(scene: &Scene) -> (EventKind, Duration) {
    let start = scene.world.time.now();
    let ending = scene.play();
    let StoredEvent::Kept { event, .. } = scene.world.tenants.events().get(&scene.event) else {
        panic!("no event left");
    };
    assert_eq!(ending.requests(0), [1]);
    (event.kind, ending.history.requests[0].at.since(start))
}

#[test]
fn row_53_whoever_speaks_first_one_event_leaves_once_the_end_has_settled() {
    for (reports, kind, leaves_after) in ORDERS {
        let (told, at) = play(&Scene::ended_by(World::calm(7), &[&[]], reports));
        assert_eq!((told, at.as_secs()), (kind, leaves_after), "{reports:?}");
    }
}

#[test]
fn row_53_one_event_leaves_whatever_fails_meanwhile() {
    for (at, fault) in [
        (Point::Conversation, Fault::LostAnswer),
        (Point::Conversation, Fault::Refused),
        (Point::Conversation, Fault::KilledBefore),
        (Point::Event, Fault::LostAnswer),
        (Point::Event, Fault::KilledAfter),
        (Point::SendEvent, Fault::LostAnswer),
        (Point::SendEvent, Fault::KilledAfter),
        (Point::Receive, Fault::Duplicate),
        (Point::SendDeliveries, Fault::KilledBefore),
    ] {
        for (reports, ..) in ORDERS {
            play(&Scene::ended_by(World::calm(7), &[&[]], reports).with(0, at, fault));
        }
    }
}

/// The schedule sends the message of a provider's end, which the platform may change until then; the platform repeats
/// its report.
#[test]
fn row_53_an_end_whose_message_cannot_be_sent_has_its_event_all_the_same() {
    for (reports, ..) in ORDERS {
        let scene = Scene::ended_by(World::calm(7), &[&[]], reports);
        play(&(0..3).fold(scene, |scene, _| scene.with(0, Point::SendEvent, Fault::Refused)));
    }
}
