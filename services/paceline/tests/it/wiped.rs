//! A stats database that vanishes under the running program.

use strava_sim::GUARDIAN_ID;
use testkit::eventually;

use crate::world::{Databases, PATIENCE, Setup, Topics, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stats_file_wiped_while_running_is_whole_again_after_its_replay() {
    let mut world = World::start(Setup::default()).await;
    let [guardian, child] = world.family().await;
    let deleted = world.record(GUARDIAN_ID, "Deleted before").await;
    guardian.counts_the_truth(&world).await;
    world.sim_delete(deleted).await;
    guardian.counts_the_truth(&world).await;

    let file = world.data().join("stats.db");
    for suffix in ["", "-wal", "-shm"] {
        let part = world.data().join(format!("stats.db{suffix}"));
        if part.exists() {
            std::fs::remove_file(part).unwrap();
        }
    }
    eventually(
        PATIENCE,
        "it is opened anew",
        async || if file.exists() { Ok(()) } else { Err(()) },
    )
    .await;
    world.record(GUARDIAN_ID, "Recorded meanwhile").await;

    world.agree(&[&guardian, &child]).await;
    world.record(GUARDIAN_ID, "Recorded after").await;
    world.agree(&[&guardian, &child]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stats_database_dropped_while_running_is_whole_again_after_its_replay() {
    let (topics, databases) = (Topics::new(), Databases::new().await);
    let setup = Setup::default().on(&topics).set("PACELINE_DATABASE__URL", databases.url());
    let mut world = World::start(setup).await;
    let [guardian, child] = world.family().await;

    databases.wipe("stats").await;
    world.record(GUARDIAN_ID, "Recorded meanwhile").await;

    world.agree(&[&guardian, &child]).await;
    world.record(GUARDIAN_ID, "Recorded after").await;
    world.agree(&[&guardian, &child]).await;
    world.stop().await;
    topics.remove().await;
    databases.remove().await;
}
