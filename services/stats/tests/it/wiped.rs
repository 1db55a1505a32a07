//! A service stops when its database is wiped under it, and is whole again after a restart and its replay.

use contracts::{Envelope, Topic};
use kernel::AthleteId;
use outbox::StoreFaults;
use serde_json::json;
use testkit::TestDatabase;

use crate::replay::{count_incomplete, replay_done, requested_replays};
use crate::test_app::{Activity, TestApp, new_activity, new_athlete};

struct Counted {
    app: TestApp,
    athlete: AthleteId,
    /// The answer of ingest to a replay request: everything, tombstones included.
    state: Vec<Activity>,
    requests: usize,
}

/// A service that has counted two activities, with a third one removed, and is complete.
async fn counted(database: TestDatabase) -> Counted {
    let athlete = new_athlete();
    let app = TestApp::publishing(database, Some(athlete)).await;
    let removed = new_activity();
    let state = vec![
        Activity::new(athlete).revision(3),
        Activity::new(athlete).revision(4).sport("Ride").distance_dm(500_000),
        Activity::new(athlete).with_id(removed).revision(7).removed(),
    ];
    app.publish_live(Activity::new(athlete).with_id(removed).revision(6)).await;
    for activity in &state {
        app.publish_live(activity.clone()).await;
    }
    app.eventually("two requests", async || requested_replays(&app).await.len() == 2).await;
    for request in requested_replays(&app).await {
        app.publish_everywhere(request.answer_on.parse().unwrap(), replay_done(&request)).await;
    }
    app.wait_until_handled().await;
    assert_eq!(count_incomplete(&app).await, 0);
    Counted { app, athlete, state, requests: 2 }
}

impl Counted {
    async fn restarted(self, meanwhile: &str) -> Self {
        Self { app: self.app.restart(meanwhile).await, ..self }
    }

    async fn restarted_after_failure(self) -> Self {
        Self { app: self.app.restart_after_failure().await, ..self }
    }

    /// Answers as ingest and token do, and checks that everything is as it was.
    async fn whole_again(self) {
        let Self { app, athlete, state, requests } = self;
        app.eventually("it requests again", async || {
            requested_replays(&app).await.len() >= requests + 2
        })
        .await;
        let events: Vec<Envelope> =
            state.into_iter().map(|activity| activity.replayed().into()).collect();
        app.publish_all(Topic::ActivitiesBulk, events).await;
        for request in requested_replays(&app).await.split_off(requests) {
            app.publish_everywhere(request.answer_on.parse().unwrap(), replay_done(&request)).await;
        }
        app.eventually("it is complete", async || {
            app.rows("replay_state").await == 2 && count_incomplete(&app).await == 0
        })
        .await;
        app.wait_until_handled().await;
        let total = app.total(athlete).await;
        assert_eq!((&total["count"], &total["distance_m"]), (&json!(2), &json!(60_000.0)));
        assert_eq!(app.service.verify(athlete).await.unwrap(), 0);
        let ytd = app.get("/strava/stats/ytd").await.json();
        assert_eq!(
            (&ytd["data"]["run"]["count"], &ytd["data"]["ride"]["count"]),
            (&json!(1), &json!(1))
        );
        // And it goes on counting what is live.
        app.publish_live(Activity::new(athlete).revision(8)).await;
        assert_eq!(app.total(athlete).await["count"], 3);
        app.stop().await;
    }
}

const TABLES: [&str; 7] =
    ["fact", "daily_total", "connection", "database_identity", "athlete", "fence", "replay_state"];

#[tokio::test]
async fn emptied_of_every_row_it_is_whole_again_after_its_replay() {
    for database in testkit::databases().await {
        let counted = counted(database).await;
        for table in TABLES {
            counted.app.execute(&format!("DELETE FROM {table}")).await;
        }
        counted.restarted_after_failure().await.whole_again().await;
    }
}

#[tokio::test]
async fn emptied_of_facts_and_totals_it_is_whole_again_after_its_replay() {
    for database in testkit::databases().await {
        let counted = counted(database).await;
        counted.app.execute("DELETE FROM fact").await;
        counted.app.execute("DELETE FROM daily_total").await;
        counted.restarted("").await.whole_again().await;
    }
}

#[tokio::test]
async fn with_its_tables_dropped_it_is_whole_again_after_its_replay() {
    for database in testkit::databases().await {
        let counted = counted(database).await;
        for table in TABLES.iter().chain(&["applied_migration"]) {
            counted.app.execute(&format!("DROP TABLE {table}")).await;
        }
        counted.restarted_after_failure().await.whole_again().await;
    }
}

#[tokio::test]
async fn with_its_file_removed_it_is_whole_again_after_its_replay() {
    let counted = counted(TestDatabase::sqlite()).await;
    let file = counted.app.file().unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let mut name = file.clone().into_os_string();
        name.push(suffix);
        std::fs::remove_file(name).unwrap();
    }
    counted.restarted_after_failure().await.whole_again().await;
}

#[tokio::test]
async fn with_its_database_dropped_it_is_whole_again_after_its_replay() {
    let database = TestDatabase::mariadb().await;
    let outbox::Target::MySql { name, .. } = database.target() else {
        panic!("MariaDB is no file")
    };
    let counted = counted(database).await;
    counted.app.execute(&format!("DROP DATABASE {name}")).await;
    counted.restarted_after_failure().await.whole_again().await;
}

#[tokio::test]
async fn with_its_database_dropped_and_every_connection_lost_it_is_whole_again_after_its_replay() {
    let counted = counted(TestDatabase::mariadb().await).await;
    counted.app.drop_database().await;
    counted.restarted_after_failure().await.whole_again().await;
}

#[tokio::test]
async fn emptied_of_totals_only_it_rebuilds_them_from_its_facts() {
    for database in testkit::databases().await {
        let Counted { app, athlete, .. } = counted(database).await;
        app.execute("DELETE FROM daily_total").await;
        let app = app.restart("").await;
        app.eventually("totals are back", async || app.rows("daily_total").await == 2).await;
        assert_eq!(app.total(athlete).await["distance_m"], 60_000.0);
        assert_eq!(requested_replays(&app).await.len(), 2, "nothing was requested");
        app.stop().await;
    }
}

#[tokio::test]
async fn emptied_while_the_service_was_away_it_is_whole_again_too() {
    for database in testkit::databases().await {
        let counted = counted(database).await;
        let counted = counted.restarted("DELETE FROM fact; DELETE FROM daily_total").await;
        counted.whole_again().await;
    }
}

#[tokio::test]
async fn restarted_it_requests_nothing_and_shows_the_same() {
    let Counted { app, athlete, .. } = counted(TestDatabase::sqlite()).await;
    let before = (app.total(athlete).await, app.version(athlete).await);
    let app = app.restart("").await;
    assert_eq!((app.total(athlete).await, app.version(athlete).await), before);
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(requested_replays(&app).await.len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn totals_that_an_interrupted_rebuild_left_out_are_rebuilt_at_the_next_start() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athletes = [new_athlete(), new_athlete(), new_athlete()];
        for athlete in athletes {
            app.publish_live(Activity::new(athlete).revision(3)).await;
        }
        // One of three had been rebuilt when the store failed.
        let lost = format!("DELETE FROM daily_total WHERE athlete <> '{}'", athletes[0]);
        let app = app.restart(&lost).await;
        for athlete in athletes {
            assert_eq!(app.total(athlete).await["count"], 1);
            assert_eq!(app.service.verify(athlete).await.unwrap(), 0);
        }
        app.stop().await;
    }
}

#[tokio::test]
async fn a_rebuild_at_the_start_is_whole_whatever_fails_meanwhile() {
    let faults = StoreFaults::io_errors();
    let mut app = TestApp::with_faults(TestDatabase::sqlite(), faults.clone()).await;
    faults.arm_only(&["rebuild_totals"]);
    let athletes = [new_athlete(), new_athlete()];
    for athlete in athletes {
        app.publish_live(Activity::new(athlete).revision(3)).await;
    }
    for _ in 0..60 {
        app = app.restart("DELETE FROM daily_total").await;
        for athlete in athletes {
            assert_eq!(app.total(athlete).await["count"], 1);
            assert_eq!(app.service.verify(athlete).await.unwrap(), 0);
        }
        if faults.is_done("rebuild_totals") {
            break;
        }
    }
    assert!(faults.is_done("rebuild_totals"));
    app.stop().await;
}
