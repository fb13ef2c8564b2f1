use super::*;
use crate::destination::health::HealthState;
use crate::destination::record::DestinationStatus;
use crate::event::kind::EventKind;
use crate::testing::fakes::{MemoryDestinations, MemoryQueue, sample};

const START: Timestamp = Timestamp::from_millis(1_756_720_060_200);

type Queue = MemoryQueue<()>;

struct Scene {
    destination: Destination,
    store: MemoryDestinations,
    queue: Queue,
}

impl Scene {
    fn set() -> Self {
        let scene = Self {
            destination: sample::destination("dst_1"),
            store: MemoryDestinations::default(),
            queue: Queue::default(),
        };
        scene.store.put(scene.destination.clone());
        scene
    }

    /// The monitor of another process.
    fn monitor(&self) -> Monitor<MemoryDestinations, Queue> {
        Monitor::new(self.store.clone(), self.queue.clone(), None)
    }

    fn health(&self) -> Option<Health> {
        self.store.health_of(&self.destination.id)
    }

    async fn observe(&self, monitor: &Monitor<MemoryDestinations, Queue>, read: &Health, ends: &[End]) {
        monitor
            .observe(&self.destination, (Some(read), START + Duration::from_secs(3600)), ends)
            .await
            .unwrap();
    }
}

/// The end of the delivery with this number, so many seconds after the start.
fn end(second: u64, result: EndResult) -> End {
    let delivery = sample::delivery().id.resend_id(&second.to_string()).unwrap();
    End { delivery, at: START + Duration::from_secs(second), outcome: "http_error", result }
}

fn failures(seconds: std::ops::RangeInclusive<u64>) -> Vec<End> {
    seconds.map(|second| end(second, EndResult::Failed)).collect()
}

#[tokio::test]
async fn of_two_processes_that_see_a_change_one_writes_it_and_nothing_is_counted_twice_or_lost() {
    let scene = Scene::set();
    let read = scene.health().unwrap();
    let (one, other) = (scene.monitor(), scene.monitor());
    scene.observe(&one, &read, &failures(1..=3)).await;
    scene.observe(&other, &read, &failures(3..=5)).await;
    let health = scene.health().unwrap();
    assert_eq!((health.state, health.consecutive_failures), (HealthState::Failing, 5));
    // Both see the success, with the health as it was.
    let success = [end(6, EndResult::Delivered)];
    scene.observe(&one, &health, &success).await;
    scene.observe(&other, &health, &success).await;
    let kinds: Vec<_> = scene.health().unwrap().changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [EventKind::DestinationFailing, EventKind::DestinationRecovered]);
    let told: Vec<_> = scene.queue.notices().iter().map(NoticeMessage::event_id).collect();
    assert_eq!((told.len(), &told[1]), (3, &told[2]), "both tell it, under one id");
}

#[tokio::test]
async fn what_is_not_written_at_once_is_counted_with_the_next_write() {
    let scene = Scene::set();
    let monitor = scene.monitor();
    scene.observe(&monitor, &scene.health().unwrap(), &failures(1..=5)).await;
    for second in 6..=64 {
        scene.observe(&monitor, &scene.health().unwrap(), &failures(second..=second)).await;
        assert_eq!(scene.health().unwrap().consecutive_failures, 5, "{second}");
    }
    scene.observe(&monitor, &scene.health().unwrap(), &failures(65..=65)).await;
    assert_eq!(scene.health().unwrap().consecutive_failures, 65);
    scene.observe(&monitor, &scene.health().unwrap(), &failures(66..=66)).await;
    scene.observe(&monitor, &scene.health().unwrap(), &[end(67, EndResult::Delivered)]).await;
    assert_eq!(scene.health().unwrap().changes[1].consecutive_failures, 66);
}

#[tokio::test]
async fn the_health_of_a_deleted_destination_does_not_come_back() {
    let scene = Scene::set();
    let read = scene.health().unwrap();
    scene.store.remove(&scene.destination.id);
    scene.observe(&scene.monitor(), &read, &failures(1..=5)).await;
    assert_eq!(scene.health(), None);
}

#[tokio::test]
async fn what_its_owner_switches_while_a_delivery_ends_stays_as_it_is() {
    let scene = Scene::set();
    let read = scene.health().unwrap();
    scene.store.put(Destination { status: DestinationStatus::Disabled, ..scene.destination.clone() });
    scene.observe(&scene.monitor(), &read, &failures(1..=5)).await;
    let health = scene.health().unwrap();
    assert_eq!((health.state, health.changes.len()), (HealthState::Disabled, 0));
}
