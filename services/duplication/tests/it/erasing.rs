//! What is withdrawn goes, and nothing late brings it back.

use contracts::Topic;
use contracts::athletes::{Erase, Gone, athlete_changed::Change};

use crate::world::{GRANTED, Run, World};

fn erase(through: i64) -> Change {
    Change::Erase(Erase { application: 1, through_generation: through })
}

#[tokio::test]
async fn a_message_of_a_withdrawn_generation_changes_nothing() {
    for database in testkit::databases().await {
        let world = World::on(database).await;
        world.link("Milla", false).await;
        world.tell_athlete(world.guardian, 5, erase(1)).await;

        world.tell(&[&world.run("Run with Milla").await]).await;
        assert_eq!(world.copies().await.len(), 0);

        let newer = Run { generation: 2, ..world.run("Run with Milla").await };
        world.tell(&[&newer]).await;
        world.copy_that_is("done").await;
        world.end().await;
    }
}

#[tokio::test]
async fn a_queued_copy_of_a_withdrawn_source_is_not_sent_and_holds_nothing_of_it() {
    let world = World::new().await;
    world.connect(world.child, 2, &["read"]).await;
    world.link("Milla", false).await;
    world.tell(&[&world.run("Sentinel with Milla").await]).await;
    world.copy_because("scope-missing").await;

    world.tell_athlete(world.guardian, 5, erase(1)).await;
    world.connect(world.child, 3, &GRANTED).await;

    let copy = world.copy_that_is("skipped").await;
    assert_eq!(
        (copy["reason"].as_str(), copy["name"].as_str()),
        (Some("source-withdrawn"), Some(""))
    );
    assert_eq!(world.strava.uploads().await, 0);
    assert!(!world.dump().await.contains("Sentinel"));
    testkit::eventually(std::time::Duration::from_secs(5), "the erasure is told", async || {
        match world.told(Topic::Erasures).await.len() {
            1 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    world.end().await;
}

#[tokio::test]
async fn a_child_who_withdraws_receives_nothing_more() {
    let world = World::new().await;
    world.link("Milla", false).await;
    world.tell(&[&world.run("Run with Milla").await]).await;
    world.copy_that_is("done").await;

    world.tell_athlete(world.child, 5, erase(1)).await;
    world.connect(world.child, 1, &GRANTED).await;
    let copy = world.copies().await.remove(0);
    assert!(copy.get("strava_activity").is_none(), "{copy}");
    world.tell(&[&world.run("Another with Milla").await]).await;

    assert_eq!(world.strava.uploads().await, 1);
    world.end().await;
}

#[tokio::test]
async fn an_account_that_is_gone_leaves_no_link_and_no_copy() {
    let world = World::new().await;
    world.link("Milla", false).await;
    world.tell(&[&world.run("Sentinel with Milla").await]).await;
    world.copy_that_is("done").await;

    world.tell_athlete(world.child, 5, Change::Gone(Gone {})).await;

    assert_eq!(world.copies().await.len(), 0);
    let dump = world.dump().await;
    assert!(!dump.contains("Sentinel") && !dump.contains("Milla"), "{dump}");
    world.end().await;
}
