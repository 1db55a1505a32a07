//! A database wiped under the running service is whole again after its replay.

use contracts::{Envelope, Topic};
use kernel::AthleteId;
use serde_json::json;
use testkit::TestDatabase;

use crate::replay::{asked, done, incomplete};
use crate::world::{Activity, World, new_activity, new_athlete};

struct Counted {
    world: World,
    athlete: AthleteId,
    /// What ingest would answer with: everything, tombstones included.
    state: Vec<Activity>,
    questions: usize,
}

/// A world that has counted two activities, with a third one removed, and is complete.
async fn counted(database: TestDatabase) -> Counted {
    let athlete = new_athlete();
    let world = World::publishing(database, Some(athlete)).await;
    let removed = new_activity();
    let state = vec![
        Activity::of(athlete).revision(3),
        Activity::of(athlete).revision(4).sport("Ride").distance_dm(500_000),
        Activity::of(athlete).id(removed).revision(7).removed(),
    ];
    world.tell(Activity::of(athlete).id(removed).revision(6)).await;
    for activity in &state {
        world.tell(activity.clone()).await;
    }
    world.eventually("two questions", async || asked(&world).await.len() == 2).await;
    for asked in asked(&world).await {
        world.publish_everywhere(asked.answer_on.parse().unwrap(), done(&asked)).await;
    }
    world.settled().await;
    assert_eq!(incomplete(&world).await, 0);
    Counted { world, athlete, state, questions: 2 }
}

impl Counted {
    /// Answers as ingest and token do, and checks that everything is as it was.
    async fn whole_again(self) {
        let Self { world, athlete, state, questions } = self;
        world
            .eventually("it asks again", async || asked(&world).await.len() >= questions + 2)
            .await;
        let events: Vec<Envelope> =
            state.into_iter().map(|activity| activity.replayed().into()).collect();
        world.publish_all(Topic::ActivitiesBulk, events).await;
        for asked in asked(&world).await.split_off(questions) {
            world.publish_everywhere(asked.answer_on.parse().unwrap(), done(&asked)).await;
        }
        world
            .eventually("it is complete", async || {
                world.rows("caught_up").await == 2 && incomplete(&world).await == 0
            })
            .await;
        world.settled().await;
        let total = world.total(athlete).await;
        assert_eq!((&total["count"], &total["distance_m"]), (&json!(2), &json!(60_000.0)));
        assert_eq!(world.service.verify(athlete).await.unwrap(), 0);
        let ytd = world.get("/strava/stats/ytd").await.json();
        assert_eq!(
            (&ytd["data"]["run"]["count"], &ytd["data"]["ride"]["count"]),
            (&json!(1), &json!(1))
        );
        // And it goes on counting what is live.
        world.tell(Activity::of(athlete).revision(8)).await;
        assert_eq!(world.total(athlete).await["count"], 3);
        world.end().await;
    }
}

const TABLES: [&str; 7] =
    ["fact", "daily_total", "connection", "incarnation", "athlete", "fence", "caught_up"];

#[tokio::test]
async fn emptied_of_every_row_it_is_whole_again_after_its_replay() {
    for database in testkit::databases().await {
        let counted = counted(database).await;
        for table in TABLES {
            counted.world.execute(&format!("DELETE FROM {table}")).await;
        }
        counted.whole_again().await;
    }
}

#[tokio::test]
async fn emptied_of_facts_and_totals_only_it_is_whole_again_after_its_replay() {
    for database in testkit::databases().await {
        let counted = counted(database).await;
        counted.world.execute("DELETE FROM fact").await;
        counted.world.execute("DELETE FROM daily_total").await;
        counted.whole_again().await;
    }
}

#[tokio::test]
async fn with_its_tables_dropped_it_is_whole_again_after_its_replay() {
    for database in testkit::databases().await {
        let counted = counted(database).await;
        for table in TABLES {
            counted.world.execute(&format!("DROP TABLE {table}")).await;
        }
        counted.whole_again().await;
    }
}

#[tokio::test]
async fn with_its_file_removed_it_is_whole_again_after_its_replay() {
    let counted = counted(TestDatabase::sqlite()).await;
    let file = counted.world.file().unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let mut name = file.clone().into_os_string();
        name.push(suffix);
        std::fs::remove_file(name).unwrap();
    }
    counted.whole_again().await;
}

#[tokio::test]
async fn with_its_database_dropped_it_is_whole_again_after_its_replay() {
    let database = TestDatabase::mariadb().await;
    let outbox::Target::MySql { name, .. } = database.target() else {
        panic!("MariaDB is no file")
    };
    let counted = counted(database).await;
    counted.world.execute(&format!("DROP DATABASE {name}")).await;
    counted.whole_again().await;
}

#[tokio::test]
async fn emptied_of_totals_only_it_makes_them_again_from_its_facts() {
    for database in testkit::databases().await {
        let Counted { world, athlete, .. } = counted(database).await;
        world.execute("DELETE FROM daily_total").await;
        world.eventually("totals are back", async || world.rows("daily_total").await == 2).await;
        assert_eq!(world.total(athlete).await["distance_m"], 60_000.0);
        assert_eq!(asked(&world).await.len(), 2, "nothing was asked for");
        world.end().await;
    }
}

#[tokio::test]
async fn emptied_while_the_service_was_away_it_is_whole_again_too() {
    for database in testkit::databases().await {
        let Counted { world, athlete, state, questions } = counted(database).await;
        let world = world.restarted("DELETE FROM fact; DELETE FROM daily_total").await;
        Counted { world, athlete, state, questions }.whole_again().await;
    }
}

#[tokio::test]
async fn started_again_it_asks_for_nothing_and_tells_the_same() {
    let Counted { world, athlete, .. } = counted(TestDatabase::sqlite()).await;
    let before = (world.total(athlete).await, world.version(athlete).await);
    let world = world.restarted("").await;
    assert_eq!((world.total(athlete).await, world.version(athlete).await), before);
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(asked(&world).await.len(), 2);
    world.end().await;
}
