//! Deliveries with extended retries.

use super::*;

fn extended() -> Received {
    let message = DeliveryMessage::new(sample::delivery(), Retry::Extended);
    Received { message, ..received(1) }
}

/// The copy that the queue delivers when it is due.
fn next(world: &World) -> Received {
    let message = world.queue.sent().pop().unwrap();
    world.clock.advance(message.due_at.unwrap().since(world.clock.now()));
    Received { message, ..received(1) }
}

#[tokio::test]
async fn the_four_wait_as_always_and_the_later_ones_as_copies() {
    let world = World::answering(&[500; 11]);
    for receive in 1..=3 {
        let received = Received { receive_count: Some(receive), ..extended() };
        assert_eq!(world.receive(&[received]).await, [Verdict::Keep]);
        world.clock.advance(RETRY_AFTER);
    }
    assert!(world.queue.sent().is_empty());
    assert_eq!(world.receive(&[Received { receive_count: Some(4), ..extended() }]).await, [Verdict::Done]);
    let mut waits = Vec::new();
    for attempt in 5..=11 {
        let received = next(&world);
        waits.push(received.message.wait.duration().as_secs());
        assert_eq!(world.receive(&[received]).await, [Verdict::Done]);
        assert_eq!(world.sender.sent().len(), attempt);
    }
    assert_eq!(waits, [60, 300, 840, 840, 840, 840, 840], "the rest of the time is hops");
    assert_eq!((world.state().status, world.state().attempts), (DeliveryStatus::Exhausted, 11));
    assert_eq!(world.queue.sent().len(), 7, "none follows the last");
}

#[tokio::test]
async fn a_copy_that_cannot_be_sent_waits_itself() {
    let world = World::answering(&[500; 4]);
    for receive in 1..=4 {
        if receive == 4 {
            world.queue.fail_next();
        }
        let received = Received { receive_count: Some(receive), ..extended() };
        assert_eq!(world.receive(&[received]).await, [Verdict::Keep]);
        world.clock.advance(RETRY_AFTER);
    }
    assert_eq!(world.queue.postponed().pop().unwrap().1, Duration::from_secs(60));
}

#[tokio::test]
async fn gone_ends_it_at_once() {
    let world = World::answering(&[410]);
    assert_eq!(world.receive(&[extended()]).await, [Verdict::Done]);
    assert_eq!(world.state().status, DeliveryStatus::Exhausted);
}
