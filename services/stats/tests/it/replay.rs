//! A service that missed something asks for everything again.

use contracts::{
    Envelope, Topic, replays::ReplayDone, replays::ReplayRequested, wire::envelope::Payload,
};
use testkit::TestDatabase;

use crate::world::{World, envelope};

/// What was asked for since the beginning, oldest first.
pub(crate) async fn asked(world: &World) -> Vec<ReplayRequested> {
    let mut records = world.bus.read_all(Topic::Replays).await.unwrap();
    records.sort_by_key(|record| (record.timestamp, record.partition, record.offset));
    records
        .iter()
        .map(|record| match Envelope::decode(&record.value).unwrap().payload {
            Payload::ReplayRequested(asked) => asked,
            other => panic!("{other:?}"),
        })
        .collect()
}

pub(crate) fn done(asked: &ReplayRequested) -> Envelope {
    let body =
        ReplayDone { id: asked.id.clone(), service: asked.service.clone(), of: asked.of.clone() };
    envelope(None, Vec::new(), body)
}

pub(crate) async fn incomplete(world: &World) -> i64 {
    world.rows("caught_up WHERE replay_id <> ''").await
}

#[tokio::test]
async fn who_starts_with_nothing_asks_for_everything_and_is_whole_when_every_partition_has_answered()
 {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        world.eventually("two questions", async || asked(&world).await.len() == 2).await;
        let asked = asked(&world).await;
        let mut told: Vec<_> = asked
            .iter()
            .map(|asked| (asked.service.as_str(), asked.of.as_str(), asked.answer_on.as_str()))
            .collect();
        told.sort_unstable();
        assert_eq!(
            told,
            [("stats", "activities", "activities.bulk"), ("stats", "athletes", "athletes")]
        );
        for asked in &asked {
            let topic: Topic = asked.answer_on.parse().unwrap();
            // Somebody else's answer ends nothing, and neither does half of ours.
            let mut others = asked.clone();
            others.service = "lake".to_owned();
            world.publish_everywhere(topic, done(&others)).await;
            world.publish(topic, done(asked)).await;
        }
        world.settled().await;
        assert_eq!(incomplete(&world).await, 2);
        for asked in &asked {
            world.publish_everywhere(asked.answer_on.parse().unwrap(), done(asked)).await;
        }
        world.settled().await;
        assert_eq!(incomplete(&world).await, 0);
        world.end().await;
    }
}

#[tokio::test]
async fn who_was_away_for_more_than_42_hours_asks_again() {
    let world = World::new(TestDatabase::sqlite()).await;
    world.eventually("two questions", async || asked(&world).await.len() == 2).await;
    for asked in asked(&world).await {
        world.publish_everywhere(asked.answer_on.parse().unwrap(), done(&asked)).await;
    }
    world.settled().await;
    world.clock.advance(std::time::Duration::from_hours(43));
    world.eventually("two more questions", async || asked(&world).await.len() == 4).await;
    world.end().await;
}
