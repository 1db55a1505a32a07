//! A backup made under load brings everything back but what was erased since.

use std::path::Path;

use reqwest::StatusCode;
use serde_json::{Value, json};
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::eventually;

use crate::test_app::{Setup, TIMEOUT, TestApp, TestUser};

async fn command(app: &TestApp, data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut process = app.spawn_process_on(data, ("backup", arguments), &[]);
    let status = process.wait_for_exit(TIMEOUT).await;
    (status.code(), process.output())
}

async fn succeed(app: &TestApp, data: &Path, arguments: &[&str]) -> String {
    let (code, output) = command(app, data, arguments).await;
    assert_eq!(code, Some(0), "{arguments:?}: {output}");
    output
}

/// What an athlete sees of their newest activities. Those since the backup come again from Strava, with new ids.
async fn history(user: &TestUser) -> Vec<Value> {
    let activities = user.get("/v1/me/activities").await;
    let seen = activities["items"].as_array().unwrap().iter();
    let mut seen: Vec<Value> = seen
        .map(|activity| {
            let [id, name] = [&activity["source_id"], &activity["name"]];
            json!([id, name, activity["distance_m"], activity["start"]])
        })
        .collect();
    // Those of one second are listed by id.
    seen.sort_by_key(Value::to_string);
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_brings_everything_back_but_what_was_erased_since() {
    let mut app = TestApp::start(Setup::default()).await;
    let [guardian, child] = app.guardian_and_child().await;
    let (backup, keys) = (app.file("backup"), app.file("keys"));
    let (backup, keys) = (backup.to_str().unwrap().to_owned(), keys.to_str().unwrap().to_owned());
    let data = app.data();

    // Activities come in while the backup is made: each is in it as a whole, or comes again from Strava.
    let create = ["create", backup.as_str(), "--keys", &keys];
    let load = async {
        for number in 0..10 {
            app.record(GUARDIAN_ID, &format!("Under load {number}")).await;
        }
    };
    let (_, made) = tokio::join!(load, succeed(&app, &data, &create));
    assert!(made.contains("writers were held"), "{made}");
    succeed(&app, &data, &["verify", &backup]).await;
    guardian.assert_totals_match(&app).await;
    let before = history(&guardian).await;

    let id = child.connection().await["id"].as_str().unwrap().to_owned();
    let disconnect = app.http.delete(format!("{}/v1/me/connections/{id}", app.base));
    disconnect.bearer_auth(&child.token).send().await.unwrap().error_for_status().unwrap();
    eventually(TIMEOUT, "the child is forgotten", async || match child.count().await {
        0 => Ok(()),
        count => Err(count),
    })
    .await;
    lose_and_restore(&mut app, &child, (&backup, &keys)).await;
    // Gone before anything is served.
    app.up(&[]).await;
    assert_eq!(child.count().await, 0);
    assert_eq!(app.objects_of(&child.athlete), Vec::<std::path::PathBuf>::new());
    guardian.assert_totals_match(&app).await;
    assert_eq!(history(&guardian).await, before);
    assert_eq!(child.try_to_connect(&app).await.as_deref(), Ok("success"));
    app.record(CHILD_ID, "After the restore").await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.stop().await;
}

/// Waits until this athlete's erasure is in the ledger, loses everything but the ledger, and restores.
async fn lose_and_restore(app: &mut TestApp, erased: &TestUser, (backup, keys): (&str, &str)) {
    let (data, ledger) = (app.data(), app.file("erasures.jsonl"));
    eventually(TIMEOUT, "the erasure is in the ledger", async || {
        let written = std::fs::read_to_string(data.join("erasures.jsonl")).unwrap_or_default();
        if written.contains(&erased.athlete) { Ok(()) } else { Err(written) }
    })
    .await;
    app.stop().await;
    std::fs::copy(data.join("erasures.jsonl"), &ledger).unwrap();
    std::fs::remove_dir_all(&data).unwrap();
    let ledger = ledger.to_str().unwrap();
    let restore = ["restore", backup, "--keys", keys, "--ledger", ledger];
    let restored = succeed(app, &data, &restore).await;
    assert!(restored.contains("1 erasures since were done again"), "{restored}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_deleted_their_account_since_the_backup_stays_deleted() {
    let mut app = TestApp::start(Setup::default()).await;
    let user = app.user("Ana", GUARDIAN_ID).await;
    user.connect(&app).await;
    app.record(GUARDIAN_ID, "With streams").await;
    user.assert_totals_match(&app).await;
    let (backup, keys) = (app.file("backup"), app.file("keys"));
    let (backup, keys) = (backup.to_str().unwrap(), keys.to_str().unwrap());
    succeed(&app, &app.data(), &["create", backup, "--keys", keys]).await;
    let delete = app.http.delete(format!("{}/v1/me", app.base)).bearer_auth(&user.token);
    delete.send().await.unwrap().error_for_status().unwrap();

    lose_and_restore(&mut app, &user, (backup, keys)).await;

    app.up(&[]).await;
    let refused = app.http.get(format!("{}/v1/me/activities", app.base)).bearer_auth(&user.token);
    assert_eq!(refused.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(app.objects_of(&user.athlete), Vec::<std::path::PathBuf>::new());
    // The address and the place at Strava are free.
    let again = app.user("Ana", GUARDIAN_ID).await;
    assert_ne!(again.athlete, user.athlete);
    again.connect(&app).await;
    again.assert_totals_match(&app).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_overwrites_nothing_and_a_damaged_one_is_refused() {
    let mut app = TestApp::start(Setup::default()).await;
    let (backup, data) = (app.file("backup"), app.data());
    let backup_path = backup.to_str().unwrap();
    succeed(&app, &data, &["create", backup_path]).await;
    let refused = |(code, output): (Option<i32>, String), word: &str| {
        assert_eq!(code, Some(1), "{output}");
        assert!(output.contains(word), "{output}");
    };
    refused(command(&app, &data, &["create", backup_path]).await, "exists");
    let restore = ["restore", backup_path, "--without-ledger"];
    refused(command(&app, &data, &restore).await, "is not empty");
    let log = backup.join("databases/stats.db");
    let mut bytes = std::fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    refused(command(&app, &data, &["verify", backup_path]).await, "not as it was written");
    refused(command(&app, &app.file("new"), &restore).await, "not as it was written");
    assert!(!app.file("new").exists());
    let lost = ["restore", backup_path, "--ledger", "/nowhere/erasures.jsonl"];
    refused(command(&app, &app.file("new"), &lost).await, "not as it was written");
    // Which erasures are to be done again has to be said.
    let unsaid = command(&app, &app.file("new"), &["restore", backup_path]).await;
    assert_eq!(unsaid.0, Some(2), "{}", unsaid.1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_fails_or_dies_leaves_nothing_that_is_served() {
    let mut app = TestApp::start(Setup::default()).await;
    app.guardian_and_child().await;
    let (backup, data, new) = (app.file("backup"), app.data(), app.file("new"));
    let backup = backup.to_str().unwrap();
    succeed(&app, &data, &["create", backup]).await;
    let ledger = app.file("erasures.jsonl");
    let entry = json!({
        "athlete": "0192f6a0-0000-7000-8000-00000000000a", "application": 0,
        "through_generation": 0, "reason": "asked", "requested_at": "2026-11-27T08:00:00Z",
    });
    std::fs::write(&ledger, entry.to_string()).unwrap();
    // Without the keys the connections cannot be opened, so nothing can be erased again.
    let ledger = ledger.to_str().unwrap();
    let (code, output) = command(&app, &new, &["restore", backup, "--ledger", ledger]).await;
    assert!(code != Some(0) && output.contains("key"), "{output}");
    assert!(!new.exists());
    app.stop().await;
    std::fs::write(data.join("restore-unfinished"), "").unwrap();
    let mut refused = app.spawn_process("up", &[], &[]);
    assert_eq!(refused.wait_for_exit(TIMEOUT).await.code(), Some(1), "{}", refused.output());
    assert!(refused.output().contains("did not finish"), "{}", refused.output());
}
