//! A stats database that vanishes under the running program.

use strava_sim::GUARDIAN_ID;

use crate::test_app::{Databases, Setup, TestApp, Topics};

/// The program stops by itself and names the reason; then it is started again.
async fn restart_after_failure(app: &mut TestApp) {
    app.wait_for_crash().await;
    let output = app.output();
    assert!(output.contains("wiped or replaced under the running service"), "{output}");
    app.up(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stats_file_wiped_while_running_is_whole_again_after_its_replay() {
    let mut app = TestApp::start(Setup::default()).await;
    let [guardian, child] = app.guardian_and_child().await;
    let deleted = app.record(GUARDIAN_ID, "Deleted before").await;
    guardian.assert_totals_match(&app).await;
    app.sim_delete(deleted).await;
    guardian.assert_totals_match(&app).await;

    let file = app.data().join("stats.db");
    for suffix in ["", "-wal", "-shm"] {
        let part = app.data().join(format!("stats.db{suffix}"));
        if part.exists() {
            std::fs::remove_file(part).unwrap();
        }
    }
    restart_after_failure(&mut app).await;
    assert!(file.exists(), "it is opened anew");
    app.record(GUARDIAN_ID, "Recorded meanwhile").await;

    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.record(GUARDIAN_ID, "Recorded after").await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stats_database_dropped_while_running_is_whole_again_after_its_replay() {
    let (topics, databases) = (Topics::new(), Databases::new().await);
    let setup = Setup::default().on(&topics).set("PACELINE_DATABASE__URL", databases.url());
    let mut app = TestApp::start(setup).await;
    let [guardian, child] = app.guardian_and_child().await;

    databases.wipe("stats").await;
    restart_after_failure(&mut app).await;
    app.record(GUARDIAN_ID, "Recorded meanwhile").await;

    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.record(GUARDIAN_ID, "Recorded after").await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.stop().await;
    topics.remove().await;
    databases.remove().await;
}
