//! Every transaction fails at every statement and around its commit; in the end everything is as if none had.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use contracts::Topic;
use contracts::athletes::{Erase, athlete_changed::Change};
use contracts::journal::JournalEntry;
use contracts::replays::ReplayRequested;
use outbox::StoreFaults;
use serde_json::json;
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::TestDatabase;

use crate::test_app::{TestApp, TestAthlete, message, settings, strava_options};

/// The transactions that meet every fault; those of ingest that are missing have a test of their own.
const TRANSACTIONS: [&str; 12] = [
    "apply_connection_change",
    "commit_fetched_activity",
    "draw_ticket",
    "enqueue_jobs",
    "finish_replay",
    "mark_published",
    "publish_replay_batch",
    "record_hint",
    "record_polled_page",
    "reschedule_job",
    "store_backfill_rows",
    "store_published_entry",
];

#[tokio::test(flavor = "multi_thread")]
async fn io_errors_at_any_statement_or_commit_change_nothing_in_the_end() {
    run_scenario(TestDatabase::sqlite(), StoreFaults::io_errors()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_killed_around_any_statement_or_commit_change_nothing_in_the_end() {
    let database = TestDatabase::mariadb().await;
    let killer = database.connect_to_server().await;
    run_scenario(database, StoreFaults::kills(killer)).await;
}

/// Those of which there are few: a poll or a backfill takes a while.
const FEW: [&str; 2] = ["record_polled_page", "store_backfill_rows"];
/// Time limit of a scenario.
const LIMIT: Duration = Duration::from_mins(4);
/// A little more than the longest pause between two attempts of a job.
const MAX_BACKOFF_S: i64 = 1_801;
/// Time in which a job is done if nothing fails.
const PAUSE: Duration = Duration::from_millis(500);

async fn run_scenario(database: TestDatabase, faults: StoreFaults) {
    let settings = ingest::Settings { page: 10, tick_s: 1, sweep_interval_s: 60, ..settings() };
    let app = TestApp::with_faults(database, strava_options(20), settings, faults.clone()).await;
    faults.arm();
    let athlete = app.start_connect(GUARDIAN_ID).await;
    let other = app.start_connect(CHILD_ID).await;
    let mut unmet = TRANSACTIONS.to_vec();
    let began = Instant::now();
    for round in 0_u32.. {
        assert!(began.elapsed() < LIMIT, "not every fault was met: {unmet:?} {:?}", faults.names());
        let are_few_left = unmet.iter().all(|name| FEW.contains(name));
        // A poll is due; one that failed often waits as long as any job does.
        app.advance_clock(if are_few_left { MAX_BACKOFF_S } else { 61 }).await;
        if are_few_left {
            tokio::time::sleep(Duration::from_millis(500)).await;
        } else {
            act(&app, athlete, round).await;
        }
        if unmet.iter().any(|name| name.contains("replay")) {
            request_replay(&app, round).await;
        }
        // Each connection is backfilled.
        let generation = i64::from(round) + 2;
        app.publish_reconnect(other, generation, generation).await;
        settle(&app, athlete).await;
        unmet.retain(|name| !faults.names()[0].contains(name));
        if unmet.is_empty() {
            break;
        }
    }
    settle(&app, other).await;
    assert_one_event_per_revision(&app, athlete).await;

    let erase = Change::Erase(Erase { application: 1, through_generation: 1_000 });
    app.publish_change(other, 1_000, erase).await;
    let left = format!("SELECT COUNT(*) FROM observation WHERE athlete = '{}'", other.id);
    app.wait_until("the other's data are erased", async || app.query_number(&left).await == 0)
        .await;
    app.shut_down().await;
}

/// Gives every kind of transaction something to do: the more at once, the sooner every fault is met.
async fn act(app: &TestApp, athlete: TestAthlete, round: u32) {
    for number in 0..4 {
        let name = format!("Run {round}-{number}");
        let id = app.create_activity(athlete, json!({"name": name})).await;
        match number {
            0 => app.edit_activity(id, json!({"name": format!("{name}, edited")})).await,
            1 => app.delete_activity(id, false).await,
            _ => {}
        }
        let entry = JournalEntry {
            service: "stats".into(),
            step: "counted".into(),
            state: "done".into(),
            ..JournalEntry::default()
        };
        app.publish(Topic::Journal, message(Some(athlete.id), entry)).await;
    }
}

async fn request_replay(app: &TestApp, round: u32) {
    let request = ReplayRequested {
        id: uuid::Uuid::from_u128(u128::from(round) + 1).to_string(),
        service: "stats".to_owned(),
        of: "activities".to_owned(),
        answer_on: Topic::ActivitiesBulk.name().to_owned(),
        athlete: String::new(),
    };
    app.publish(Topic::Replays, message(None, request)).await;
}

/// Waits until what is published is what Strava has.
async fn settle(app: &TestApp, athlete: TestAthlete) {
    let path = format!("/_sim/athletes/{}/activities", athlete.strava_id);
    let advanced = Cell::new(Instant::now());
    testkit::eventually(Duration::from_mins(1), "all of Strava is published", async || {
        if advanced.get().elapsed() > PAUSE {
            // Leases of jobs whose end could not be stored run out, and what is to be tried again is due.
            app.advance_clock(31).await;
            advanced.set(Instant::now());
        }
        let truth = app.sim_get(&path).await;
        let truth = truth.as_array().unwrap().iter().filter(|it| it["deleted"] != true);
        let truth: BTreeMap<_, _> = truth
            .map(|it| (it["id"].as_i64().unwrap(), it["name"].as_str().unwrap().to_owned()))
            .collect();
        let known = app.current_activities(athlete).await;
        let known: BTreeMap<_, _> =
            known.into_iter().map(|(id, it)| (id, it.name().to_owned())).collect();
        if known == truth { Ok(()) } else { Err(format!("{known:?} is not {truth:?}")) }
    })
    .await;
}

/// An event may be published twice, but no revision is drawn for two.
async fn assert_one_event_per_revision(app: &TestApp, athlete: TestAthlete) {
    let mut events = HashMap::new();
    for published in app.published_activities(athlete).await {
        if published.envelope.replay {
            continue;
        }
        let event = published.envelope.event_id;
        let first = *events.entry(published.activity.revision).or_insert(event);
        assert_eq!(first, event, "revision {}", published.activity.revision);
    }
}

/// Polls and backfills record a failure of Strava's for the athlete to see; failing at that must not end the job.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_failure_of_stravas_polls_and_backfills_go_on_whatever_fails_meanwhile() {
    for name in ["record_failed_poll", "record_backfill_failure"] {
        let faults = StoreFaults::io_errors();
        let settings = ingest::Settings { page: 10, tick_s: 1, sweep_interval_s: 60, ..settings() };
        let database = TestDatabase::sqlite();
        let app =
            TestApp::with_faults(database, strava_options(20), settings, faults.clone()).await;
        let athlete = app.connect(GUARDIAN_ID).await;
        match name {
            "record_failed_poll" => faults.arm_only(&["record_failed_poll"]),
            _ => faults.arm_only(&["record_backfill_failure"]),
        }
        let began = Instant::now();
        for generation in 2.. {
            assert!(began.elapsed() < LIMIT, "not every fault was met: {name}");
            let failing = json!({"endpoint": "GET /athlete/activities", "kind": "server_error"});
            app.add_fault(failing).await;
            if name == "record_backfill_failure" {
                app.publish_reconnect(athlete, generation, generation).await;
            }
            app.advance_clock(61).await;
            tokio::time::sleep(PAUSE).await;
            app.clear_faults().await;
            if faults.is_done(name) {
                break;
            }
        }
        app.create_activity(athlete, json!({"silent": true, "name": "Unheard of"})).await;
        app.advance_clock(3_600).await;
        settle(&app, athlete).await;
        app.shut_down().await;
    }
}
