//! Who was away asks, and what it is told again is not done again.

use contracts::Topic;
use contracts::replays::ReplayDone;
use contracts::wire::envelope::Payload;
use contracts::{Cause, Envelope, Event};
use kernel::{EventId, Ids, SystemIds};

use crate::world::{Run, World};

#[tokio::test]
async fn a_replayed_activity_without_a_line_is_looked_for_before_it_is_sent() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let run = world.run("Run with Milla").await;
    world.tell(&[&run]).await;
    let first = world.copy_that_is("done").await;
    // A restored backup: the ledger has forgotten, Strava has not.
    world.execute("DELETE FROM copy; DELETE FROM seen_activity; DELETE FROM job").await;

    world.tell(&[&Run { replay: true, ..run.clone() }]).await;

    let second = world.copy_that_is("done").await;
    assert_eq!(second["reason"], "found-in-list");
    assert_eq!(second["strava_activity"], first["strava_activity"]);
    assert_eq!(world.strava.uploads().await, 1);
    world.end().await;
}

#[tokio::test]
async fn a_replayed_activity_that_was_missed_is_copied() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let run = Run { replay: true, ..world.run("Run with Milla").await };

    world.tell(&[&run, &run]).await;

    world.copy_that_is("done").await;
    assert_eq!((world.strava.copies().await.len(), world.strava.uploads().await), (1, 1));
    world.end().await;
}

#[tokio::test]
async fn a_new_service_asks_for_athletes_and_is_content_once_all_partitions_answered() {
    let world = World::new().await;
    let asked = testkit::eventually(std::time::Duration::from_secs(10), "it asks", async || {
        let asked: Vec<_> =
            world.told(Topic::Replays).await.into_iter().filter_map(question).collect();
        if asked.is_empty() { Err(()) } else { Ok(asked) }
    })
    .await;
    assert_eq!(asked.len(), 1, "of activities there is nothing to miss where there is no link");
    assert_eq!(asked[0].1, "athletes");

    let body = ReplayDone {
        id: asked[0].0.clone(),
        service: "duplication".to_owned(),
        of: "athletes".to_owned(),
    };
    let done = Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(world.now())),
        occurred_at: world.now(),
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Unspecified,
        replay: true,
        traceparent: String::new(),
        payload: body.into_payload(),
    };
    let publisher = world.bus.publisher(event_bus::PublisherKind::Relay);
    publisher.publish_to_every_partition(Topic::Athletes, done.encode()).await.unwrap();
    world.heard().await;

    assert_eq!(
        world
            .number("SELECT COUNT(*) FROM caught_up WHERE topic = 'athletes' AND replay_id = ''")
            .await,
        1
    );
    world.end().await;
}

fn question(envelope: Envelope) -> Option<(String, String)> {
    match envelope.payload {
        Payload::ReplayRequested(asked) => Some((asked.id, asked.of)),
        _ => None,
    }
}
