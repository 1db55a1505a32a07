//! Databases that are restored from an older moment, each alone and together with others.

use std::path::Path;

use futures::future::join_all;
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::eventually;

use crate::test_app::{Setup, TIMEOUT, TestApp};

/// The databases that are restored together.
type Restored<'a> = &'a [&'static str];

/// Copies or restores a database and what belongs to its last commits.
fn copy_database(from: &Path, to: &Path, service: &str) {
    for suffix in ["", "-wal", "-shm"] {
        let name = format!("{service}.db{suffix}");
        match std::fs::remove_file(to.join(&name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{name}: {error}"),
            _ => {}
        }
        if from.join(&name).exists() {
            std::fs::copy(from.join(&name), to.join(&name)).unwrap();
        }
    }
}

/// Between backup and restore an activity is recorded, copied, renamed and deleted; after the restore everything is as
/// at Strava, and what happens then is counted too.
async fn restore_older(restored: Restored<'_>) {
    let mut app = TestApp::start(Setup::default()).await;
    let [guardian, child] = app.linked_guardian_and_child().await;
    let renamed = app.record(GUARDIAN_ID, "Renamed later").await;
    let deleted = app.record(GUARDIAN_ID, "Deleted later").await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.stop().await;
    let backup = app.file("backup");
    std::fs::create_dir(&backup).unwrap();
    for service in restored {
        copy_database(&app.data(), &backup, service);
    }

    app.up(&[]).await;
    app.record(GUARDIAN_ID, "Between with Milla").await;
    app.record(GUARDIAN_ID, "Between").await;
    app.sim_edit(renamed, &serde_json::json!({"distance": 4321.0, "name": "Renamed"})).await;
    app.sim_delete(deleted).await;
    let copies = ["Between with Milla".to_owned()];
    app.assert_copies(CHILD_ID, &copies).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.stop().await;
    for service in restored {
        copy_database(&backup, &app.data(), service);
    }

    app.up(&[]).await;
    app.record(GUARDIAN_ID, "After").await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    let told = "restored from an older moment";
    eventually(TIMEOUT, "the operator is told", async || {
        let output = app.output_now();
        output.contains(told).then_some(()).ok_or(output)
    })
    .await;
    for user in [&guardian, &child] {
        user.assert_listed(&app).await;
    }
    app.record(GUARDIAN_ID, "Afterwards").await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.wait_until_settled().await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    // Nothing is copied twice.
    app.assert_copies(CHILD_ID, &copies).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_are_true_again_after_one_database_was_restored_from_an_older_moment() {
    let each: [Restored<'static>; 5] =
        [&["identity"], &["token"], &["ingest"], &["stats"], &["duplication"]];
    for restored in each {
        restore_older(restored).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_are_true_again_after_several_databases_were_restored_from_an_older_moment() {
    let together: [Restored<'static>; 6] = [
        &["ingest", "stats"],
        &["ingest", "duplication"],
        &["stats", "duplication"],
        &["token", "ingest"],
        &["token", "ingest", "stats"],
        &["identity", "token", "ingest", "stats", "duplication"],
    ];
    for pair in together.chunks(2) {
        join_all(pair.iter().map(|restored| restore_older(restored))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "each combination is told as it is done")]
#[ignore = "takes twelve minutes: docs/testing.md"]
async fn the_numbers_are_true_again_after_any_databases_were_restored_from_an_older_moment() {
    const SERVICES: [&str; 5] = ["identity", "token", "ingest", "stats", "duplication"];
    let combinations: Vec<Vec<&'static str>> = (1_usize..1 << SERVICES.len())
        .map(|bits| {
            let is_restored = |index: &usize| bits & (1 << index) != 0;
            (0..SERVICES.len()).filter(is_restored).map(|index| SERVICES[index]).collect()
        })
        .collect();
    for pair in combinations.chunks(2) {
        join_all(pair.iter().map(|restored| restore_older(restored))).await;
        println!(
            "true again: {}",
            pair.iter().map(|them| them.join(" + ")).collect::<Vec<_>>().join("; ")
        );
    }
}
