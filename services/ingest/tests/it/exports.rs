//! Exports: parts that are late, missing, or come after the end; and every fault of the store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use contracts::exports::{ExportFile, ExportPartWritten};
use contracts::wire::envelope::Payload;
use contracts::{Envelope, Topic};
use object_store::{ObjectStore, ObjectStoreExt as _};
use outbox::StoreFaults;
use serde_json::Value;
use strava_sim::GUARDIAN_ID;
use testkit::TestDatabase;

use crate::test_app::{TestApp, TestAthlete, message, settings, strava_options};

const DAY_S: i64 = 86_400;

async fn app_with_two_services(database: TestDatabase, faults: StoreFaults) -> TestApp {
    let services = ["ingest", "stats"].map(str::to_owned).to_vec();
    let settings = ingest::Settings { services, ..settings() };
    TestApp::with_faults(database, strava_options(3), settings, faults).await
}

async fn export_of(app: &TestApp, athlete: TestAthlete) -> Value {
    app.get_as(athlete, "/v1/me/export").await.json()
}

async fn wait_for_state(app: &TestApp, athlete: TestAthlete, state: &str) {
    app.wait_until(&format!("the export is {state}"), async || {
        export_of(app, athlete).await["state"] == state
    })
    .await;
}

/// How often the export was asked for.
async fn request_count(app: &TestApp, export: &str) -> usize {
    let records = app.bus.read_all(Topic::Exports).await.unwrap();
    let is_request = |payload: Payload| match payload {
        Payload::ExportRequested(request) => request.id == export,
        _ => false,
    };
    let payloads = records.iter().map(|record| Envelope::decode(&record.value).unwrap().payload);
    payloads.filter(|payload| is_request(payload.clone())).count()
}

/// Writes the part of stats, as that service does.
async fn write_part(app: &TestApp, athlete: TestAthlete, export: &str) {
    let objects: Arc<dyn ObjectStore> = app.objects.clone();
    let prefix = takeout::export_prefix(athlete.id, export.parse().unwrap());
    let path = takeout::file_path(&prefix, "stats", "daily_totals.csv");
    objects.put(&path, "date\n".into()).await.unwrap();
    answer(app, athlete, export).await;
}

/// Answers that the part of stats is there.
async fn answer(app: &TestApp, athlete: TestAthlete, export: &str) {
    let file = ExportFile {
        name: "daily_totals.csv".to_owned(),
        description: "Totals".to_owned(),
        bytes: 5,
        sha256: hex::encode(digest(&SHA256, b"date\n")),
        ..ExportFile::default()
    };
    let part =
        ExportPartWritten { id: export.to_owned(), service: "stats".to_owned(), files: vec![file] };
    app.publish(Topic::Exports, message(Some(athlete.id), part)).await;
}

async fn count_objects(app: &TestApp, athlete: TestAthlete) -> usize {
    use futures::StreamExt as _;
    let prefix = takeout::exports_prefix(athlete.id);
    app.objects.list(Some(&prefix)).collect::<Vec<_>>().await.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_missing_is_asked_for_again_until_it_is_there() {
    let app = app_with_two_services(TestDatabase::sqlite(), StoreFaults::default()).await;
    let athlete = app.connect(GUARDIAN_ID).await;

    let begun = app.post_as(athlete, "/v1/me/export").await;
    assert_eq!(
        (begun.status, &begun.headers["location"]),
        (202, &"/v1/me/export".parse().unwrap())
    );
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    app.wait_until_idle().await;
    assert_eq!(request_count(&app, &id).await, 1);
    let export = export_of(&app, athlete).await;
    assert_eq!(export["written"], serde_json::json!(["ingest"]), "{export}");
    assert_eq!(export["waiting_for"], serde_json::json!(["stats"]), "{export}");
    assert_eq!(app.get_as(athlete, "/v1/me/export/archive").await.status, 404);
    let same = app.post_as(athlete, "/v1/me/export").await.json();
    assert_eq!(same["id"], *id, "the one that is under way is shown");

    for asked in 2..4 {
        app.advance_clock(300).await;
        app.wait_until("it is asked for again", async || request_count(&app, &id).await == asked)
            .await;
    }
    write_part(&app, athlete, &id).await;
    wait_for_state(&app, athlete, "ready").await;
    let archive = app.get_as(athlete, "/v1/me/export/archive").await;
    assert_eq!(archive.headers["content-type"], "application/zip");
    assert_eq!(archive.headers["cache-control"], "private, no-store");
    let name = archive.headers["content-disposition"].to_str().unwrap();
    assert!(name.starts_with("attachment; filename=\"paceline-export-20"), "{name}");
    app.wait_until_idle().await;
    assert_eq!(request_count(&app, &id).await, 3, "nobody is asked any more");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_whose_parts_do_not_come_within_a_day_is_given_up_and_can_be_asked_for_again() {
    let app = app_with_two_services(TestDatabase::sqlite(), StoreFaults::default()).await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.post_as(athlete, "/v1/me/export").await.json()["id"].as_str().unwrap().to_owned();
    app.wait_until_idle().await;

    app.advance_clock(DAY_S + 1).await;
    wait_for_state(&app, athlete, "failed").await;
    assert_eq!(export_of(&app, athlete).await["reason"], "service-missing");
    app.wait_until("its objects are gone", async || count_objects(&app, athlete).await == 0).await;

    // What comes too late is not kept.
    let next = app.post_as(athlete, "/v1/me/export").await;
    assert_eq!(next.status, 202);
    let next = next.json()["id"].as_str().unwrap().to_owned();
    write_part(&app, athlete, &id).await;
    app.wait_until_idle().await;
    let former = takeout::export_prefix(athlete.id, id.parse().unwrap());
    use futures::StreamExt as _;
    assert_eq!(app.objects.list(Some(&former)).collect::<Vec<_>>().await.len(), 0);
    write_part(&app, athlete, &next).await;
    wait_for_state(&app, athlete, "ready").await;

    app.advance_clock(7 * DAY_S).await;
    wait_for_state(&app, athlete, "deleted").await;
    assert_eq!(export_of(&app, athlete).await["reason"], "expired");
    assert_eq!(count_objects(&app, athlete).await, 0);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_comes_after_its_export_was_deleted_is_deleted_too() {
    let app = app_with_two_services(TestDatabase::sqlite(), StoreFaults::default()).await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.post_as(athlete, "/v1/me/export").await.json()["id"].as_str().unwrap().to_owned();
    app.wait_until_idle().await;
    assert_eq!(app.delete_as(athlete, "/v1/me/export").await.status, 204);
    app.wait_until("its objects are gone", async || count_objects(&app, athlete).await == 0).await;

    write_part(&app, athlete, &id).await;
    app.wait_until_idle().await;

    assert_eq!(count_objects(&app, athlete).await, 0);
    assert_eq!(export_of(&app, athlete).await["state"], "deleted");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_after_the_answer_is_in_no_archive_until_it_is_answered_again() {
    let app = app_with_two_services(TestDatabase::sqlite(), StoreFaults::default()).await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.post_as(athlete, "/v1/me/export").await.json()["id"].as_str().unwrap().to_owned();
    app.wait_until_idle().await;
    let prefix = takeout::export_prefix(athlete.id, id.parse().unwrap());
    let path = takeout::file_path(&prefix, "stats", "daily_totals.csv");
    app.objects.put(&path, "another".into()).await.unwrap();

    answer(&app, athlete, &id).await;
    app.wait_until_idle().await;
    assert_eq!(export_of(&app, athlete).await["state"], "collecting");

    write_part(&app, athlete, &id).await;
    wait_for_state(&app, athlete, "ready").await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_cannot_be_joined_is_given_up_too_and_blocks_no_other() {
    let app = app_with_two_services(TestDatabase::sqlite(), StoreFaults::default()).await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.post_as(athlete, "/v1/me/export").await.json()["id"].as_str().unwrap().to_owned();
    // There is no such object.
    answer(&app, athlete, &id).await;
    app.wait_until_idle().await;
    assert_eq!(export_of(&app, athlete).await["state"], "collecting");

    app.advance_clock(DAY_S + 1).await;
    wait_for_state(&app, athlete, "failed").await;
    assert_eq!(export_of(&app, athlete).await["reason"], "not-joined");
    let next = app.post_as(athlete, "/v1/me/export").await;
    assert_eq!(next.status, 202);
    assert_ne!(next.json()["id"], id);
    app.shut_down().await;
}

/// The transactions of exports, which meet every fault.
const TRANSACTIONS: [&str; 7] = [
    "request_export",
    "record_export_part",
    "request_missing_parts",
    "finish_export",
    "fail_export",
    "delete_export",
    "expire_export",
];
/// Time limit of a scenario.
const LIMIT: Duration = Duration::from_mins(4);

#[tokio::test(flavor = "multi_thread")]
async fn io_errors_at_any_statement_or_commit_lose_no_export() {
    run_scenario(TestDatabase::sqlite(), StoreFaults::io_errors()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_killed_around_any_statement_or_commit_lose_no_export() {
    let database = TestDatabase::mariadb().await;
    let killer = database.connect_to_server().await;
    run_scenario(database, StoreFaults::kills(killer)).await;
}

async fn run_scenario(database: TestDatabase, faults: StoreFaults) {
    let app = app_with_two_services(database, faults.clone()).await;
    let athlete = app.connect(GUARDIAN_ID).await;
    faults.arm();
    let mut unmet = TRANSACTIONS.to_vec();
    let began = Instant::now();
    for round in 0_u32.. {
        assert!(began.elapsed() < LIMIT, "not every fault was met: {unmet:?} {:?}", faults.names());
        let id = begin(&app, athlete).await;
        if round % 3 == 0 {
            end_with(&app, athlete, "failed", async || app.advance_clock(DAY_S + 1).await).await;
        } else {
            let answer = async || {
                app.advance_clock(301).await;
                write_part(&app, athlete, &id).await;
            };
            end_with(&app, athlete, "ready", answer).await;
            if round % 3 == 1 {
                let expire = async || app.advance_clock(7 * DAY_S).await;
                end_with(&app, athlete, "deleted", expire).await;
            } else {
                let delete = async || {
                    app.delete_as(athlete, "/v1/me/export").await;
                };
                end_with(&app, athlete, "deleted", delete).await;
            }
        }
        unmet.retain(|name| !faults.names()[0].contains(name));
        if unmet.is_empty() {
            break;
        }
    }
    app.advance_clock(1_801).await;
    app.wait_until("no object is left", async || {
        app.advance_clock(1_801).await;
        count_objects(&app, athlete).await == 0
    })
    .await;
    app.shut_down().await;
}

/// Asks until an export is begun.
async fn begin(app: &TestApp, athlete: TestAthlete) -> String {
    let mut id = None;
    for _attempt in 0..50 {
        let answer = app.post_as(athlete, "/v1/me/export").await;
        if answer.status == 202 {
            id = answer.json()["id"].as_str().map(str::to_owned);
            break;
        }
    }
    id.unwrap()
}

/// Acts again and again until the export is in this state.
async fn end_with(app: &TestApp, athlete: TestAthlete, state: &str, act: impl AsyncFn()) {
    for _attempt in 0..100 {
        act().await;
        for _look in 0..10 {
            let export = app.get_as(athlete, "/v1/me/export").await;
            if export.status == 200 && export.json()["state"] == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    panic!("never {state}: {}", export_of(app, athlete).await);
}
