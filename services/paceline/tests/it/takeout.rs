//! An athlete takes out everything that is stored about them.

use std::collections::BTreeMap;
use std::io::Read;

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::StatusCode;
use serde_json::{Value, json};
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::eventually;

use crate::test_app::{Databases, Setup, TIMEOUT, TestApp, TestUser, Topics};

/// The files of an archive by their paths.
type Files = BTreeMap<String, Vec<u8>>;

async fn wait_for_export(user: &TestUser, state: &str) -> Value {
    eventually(TIMEOUT, &format!("the export is {state}"), async || {
        let export = user.get("/v1/me/export").await;
        if export["state"] == state { Ok(export) } else { Err(export) }
    })
    .await
}

async fn download(app: &TestApp, user: &TestUser) -> (StatusCode, Vec<u8>) {
    let request = app.http.get(format!("{}/v1/me/export/archive", app.base));
    let response = request.bearer_auth(&user.token).send().await.unwrap();
    (response.status(), response.bytes().await.unwrap().to_vec())
}

fn sha256(content: &[u8]) -> String {
    hex::encode(digest(&SHA256, content))
}

/// Reads an archive and checks its manifest.
fn unpack(archive: Vec<u8>) -> Files {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    let mut files = Files::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.insert(name, content);
    }
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!(listed.len() + 2, files.len(), "{manifest} {:?}", files.keys());
    for file in listed {
        let content = &files[file["path"].as_str().unwrap()];
        assert_eq!(file["bytes"], content.len(), "{file}");
        assert_eq!(file["sha256"], sha256(content), "{file}");
        assert!(!file["description"].as_str().unwrap().is_empty(), "{file}");
    }
    files
}

fn rows(files: &Files, name: &str) -> Vec<Value> {
    let rows: Vec<Value> = serde_json::from_slice(&files[&format!("{name}.json")]).unwrap();
    let mut csv = csv::Reader::from_reader(files[&format!("{name}.csv")].as_slice());
    let columns = csv.headers().unwrap().clone();
    let records: Vec<_> = csv.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), rows.len(), "{name}");
    for (record, row) in records.iter().zip(&rows) {
        for (column, cell) in columns.iter().zip(record) {
            match &row[column] {
                Value::String(text) => assert_eq!(cell, text, "{name} {column}"),
                Value::Number(number) => assert_eq!(cell, number.to_string(), "{name} {column}"),
                _ => {}
            }
        }
    }
    rows
}

async fn an_export_holds_everything(setup: Setup) {
    let mut app = TestApp::start(setup).await;
    let [guardian, child] = app.linked_guardian_and_child().await;
    app.record(GUARDIAN_ID, "Run with Milla, \"fast\"").await;
    app.assert_copies(CHILD_ID, &["Run with Milla, \"fast\"".to_owned()]).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    assert_eq!(guardian.try_get("/v1/me/export").await.0, StatusCode::NOT_FOUND);
    assert_eq!(download(&app, &guardian).await.0, StatusCode::NOT_FOUND);

    let begun = guardian.try_post("/v1/me/export", &json!({})).await.unwrap();
    let export = wait_for_export(&guardian, "ready").await;
    assert_eq!(export["id"], begun["id"]);
    assert_eq!(export["written"], json!(["duplication", "identity", "ingest", "stats", "token"]));

    let (status, archive) = download(&app, &guardian).await;
    assert_eq!((status, export["bytes"].as_u64()), (StatusCode::OK, Some(archive.len() as u64)));
    assert_eq!(export["sha256"], sha256(&archive));
    let files = unpack(archive);
    let strava = app.strava_activities(GUARDIAN_ID).await;
    let activities = rows(&files, "ingest/activities");
    assert_eq!(activities.len(), strava.len());
    let counted: i64 = rows(&files, "stats/daily_totals")
        .iter()
        .map(|total| total["count"].as_i64().unwrap())
        .sum();
    assert_eq!(counted, guardian.count().await);
    assert_eq!(rows(&files, "duplication/copies")[0]["name"], "Run with Milla, \"fast\"");
    assert_eq!(rows(&files, "duplication/links")[0]["role"], "guardian");
    assert_eq!(rows(&files, "token/connections")[0]["strava_athlete"], GUARDIAN_ID);
    assert_eq!(rows(&files, "identity/account")[0]["athlete"], guardian.athlete);
    assert!(!rows(&files, "ingest/journal").is_empty());
    assert_eq!(rows(&files, "ingest/imports")[0]["state"], "done");
    assert!(rows(&files, "token/receipts").is_empty());
    let everything: Vec<u8> = files.into_values().flatten().collect();
    let everything = String::from_utf8(everything).unwrap();
    for secret in ["access_token", "refresh_token", "password_hash", "argon2"] {
        assert!(!everything.contains(secret), "{secret}");
    }

    // The next one is possible later; the other athlete's is none of theirs.
    let again = guardian.try_post("/v1/me/export", &json!({})).await.unwrap_err();
    assert!(again.contains("429") && again.contains("too-many-exports"), "{again}");
    assert_eq!(download(&app, &child).await.0, StatusCode::NOT_FOUND);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_holds_everything_of_its_athlete_and_opens_without_paceline() {
    an_export_holds_everything(Setup::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_holds_everything_of_its_athlete_on_kafka_and_mariadb_too() {
    let (topics, databases) = (Topics::new(), Databases::new().await);
    let setup = Setup::default().on(&topics).set("PACELINE_DATABASE__URL", databases.url());
    an_export_holds_everything(setup).await;
    topics.remove().await;
    databases.remove().await;
}

/// Objects of the athlete's exports.
fn export_objects(app: &TestApp, user: &TestUser) -> Vec<std::path::PathBuf> {
    let all = app.objects_of(&user.athlete);
    all.into_iter().filter(|path| path.to_string_lossy().contains("/exports/")).collect()
}

async fn assert_no_export_is_left(app: &TestApp, user: &TestUser, reason: &str) {
    let export = wait_for_export(user, "deleted").await;
    assert_eq!(export["reason"], reason);
    assert_eq!(download(app, user).await.0, StatusCode::NOT_FOUND);
    eventually(TIMEOUT, "no object of an export is left", async || {
        let left = export_objects(app, user);
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_goes_when_asked_after_seven_days_and_when_what_it_holds_is_erased() {
    let mut app = TestApp::start(Setup::default()).await;
    let [guardian, child] = app.guardian_and_child().await;
    let request = async |user: &TestUser| {
        user.try_post("/v1/me/export", &json!({})).await.unwrap();
        wait_for_export(user, "ready").await;
        assert!(!export_objects(&app, user).is_empty());
    };

    request(&guardian).await;
    let delete = app.http.delete(format!("{}/v1/me/export", app.base));
    let deleted = delete.bearer_auth(&guardian.token).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert_no_export_is_left(&app, &guardian, "asked").await;

    request(&guardian).await;
    let id = guardian.connection().await["id"].as_str().unwrap().to_owned();
    let disconnect = app.http.delete(format!("{}/v1/me/connections/{id}", app.base));
    disconnect.bearer_auth(&guardian.token).send().await.unwrap();
    assert_no_export_is_left(&app, &guardian, "erased").await;

    request(&child).await;
    app.stop().await;
    app.advance_clocks(6 * 86_400);
    app.up(&[]).await;
    app.stop().await;
    assert!(!export_objects(&app, &child).is_empty(), "it is kept for seven days");
    app.advance_clocks(86_400);
    app.up(&[]).await;
    eventually(TIMEOUT, "no object of an export is left", async || {
        let left = export_objects(&app, &child);
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
    app.stop().await;
}
