//! The disk runs full under the running program: what it acknowledged is counted, everything else it refuses,
//! and it heals without a restart.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strava_sim::GUARDIAN_ID;
use testkit::eventually;

use crate::test_app::{Setup, TIMEOUT, TestApp, TestUser};

/// Size of the disk: several times what the databases need.
const SIZE: &str = "size=16m";
/// Bytes that are left when the webhooks begin: the disk runs full at another place each time.
const HEADROOMS: [u64; 4] = [0, 100_000, 500_000, 2_000_000];
/// Refusals after which the disk has been full for long enough.
const REFUSALS: usize = 8;
/// Maximum number of webhooks until then.
const MAX_HINTS: usize = 150;

/// A small file system, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it; none where that is not allowed.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mut mounting = Command::new("mount");
        mounting.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(at);
        let reason = match mounting.output() {
            Ok(output) if output.status.success() => return Some(Self(at.to_owned())),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        skip(&reason);
        None
    }

    /// Fills it with one more file, but for so many bytes.
    fn fill(&self, headroom: u64) {
        let mut ballast = File::options().create(true).append(true).open(self.ballast()).unwrap();
        for block in [64 * 1024, 4096, 1] {
            while ballast.write_all(&vec![0; block]).is_ok() {}
        }
        let size = ballast.metadata().unwrap().len();
        ballast.set_len(size.checked_sub(headroom).unwrap()).unwrap();
    }

    fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the program may still run if the test panicked.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[expect(clippy::print_stderr, reason = "a test that is not run says so")]
fn skip(reason: &str) {
    eprintln!("SKIPPED: no small disk can be mounted: {reason}");
}

/// The webhooks by their answers.
#[derive(Debug, Default)]
struct Hints {
    acknowledged: BTreeSet<i64>,
    refused: BTreeSet<i64>,
}

impl Hints {
    /// Records an activity and sends its webhook. Returns true if it was acknowledged; anything else has to
    /// be a refusal.
    async fn send(&mut self, app: &TestApp) -> bool {
        let activity = app.record(GUARDIAN_ID, "Run").await;
        let answer = app.hint(GUARDIAN_ID, activity).await;
        match answer[..] {
            [200] => self.acknowledged.insert(activity),
            [503] => self.refused.insert(activity),
            _ => panic!("{answer:?}"),
        };
        answer == [200]
    }

    /// Sends webhooks until so many are refused in a row.
    async fn send_until_refused(&mut self, app: &TestApp) {
        let mut refusals = 0;
        for _ in 0..MAX_HINTS {
            refusals = if self.send(app).await { 0 } else { refusals + 1 };
            if refusals == REFUSALS {
                return;
            }
        }
        panic!("the disk was never full");
    }

    /// Sends webhooks until one is acknowledged, without a restart.
    async fn send_until_taken(&mut self, app: &TestApp) {
        let start = Instant::now();
        while !self.send(app).await {
            assert!(start.elapsed() < TIMEOUT, "it does not heal");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_what_was_acknowledged_is_counted_and_all_else_is_refused() {
    let mut app = TestApp::new(Setup::default()).await;
    let Some(disk) = SmallDisk::mount(&app.data()) else { return };
    app.up(&[]).await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;
    guardian.connect(&app).await;
    guardian.wait_for_backfill().await;
    guardian.assert_totals_match(&app).await;
    // Nothing is found by looking: only a hint that was kept leads to an activity.
    app.sim_post("webhooks", &json!({"drop_all": true})).await;
    let unlisted = json!({"endpoint": "GET /athlete/activities", "kind": "server_error"});
    app.sim_post("faults", &unlisted).await;
    let before = list_activities(&guardian).await;

    let mut hints = Hints::default();
    let mut unfinished = 0;
    for headroom in HEADROOMS {
        disk.fill(headroom);
        hints.send_until_refused(&app).await;
        // While a few bytes are left, the one row that readiness writes may still fit where a hint does not.
        eventually(TIMEOUT, "it is not ready", async || {
            disk.fill(0);
            let (status, readiness) = app.readiness().await;
            if status == 503 { Ok(()) } else { Err(readiness) }
        })
        .await;
        unfinished += hints.acknowledged.difference(&list_activities(&guardian).await).count();

        disk.free();
        hints.send_until_taken(&app).await;
        wait_until_counted(&guardian, &hints.acknowledged).await;
    }
    assert!(unfinished > 0, "every acknowledged hint was handled before the disk was full");
    eventually(TIMEOUT, "it is ready", async || {
        let (status, readiness) = app.readiness().await;
        if status == 200 { Ok(()) } else { Err(readiness) }
    })
    .await;

    app.kill().await;
    app.up(&[]).await;
    wait_until_counted(&guardian, &hints.acknowledged).await;
    let sent: BTreeSet<_> = hints.acknowledged.union(&hints.refused).copied().collect();
    let stored = list_activities(&guardian).await;
    assert!(before.is_subset(&stored));
    assert!(stored.difference(&before).all(|activity| sent.contains(activity)));
    app.stop().await;
}

/// Waits until all of these are published, and as many counted as published: none is missing, none is double.
async fn wait_until_counted(user: &TestUser, activities: &BTreeSet<i64>) {
    eventually(TIMEOUT, "everything acknowledged is counted, each once", async || {
        let published = list_activities(user).await;
        let missing: Vec<_> = activities.difference(&published).collect();
        let counted = user.count().await;
        if missing.is_empty() && counted == i64::try_from(published.len()).unwrap() {
            return Ok(());
        }
        Err(format!("{missing:?} of {} are missing, {counted} counted", published.len()))
    })
    .await;
}

/// Strava's ids of the published activities.
async fn list_activities(user: &TestUser) -> BTreeSet<i64> {
    let page = user.get("/v1/me/activities?limit=200").await;
    assert_eq!(page["next"], Value::Null);
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["strava_id"].as_i64().unwrap()).collect()
}
