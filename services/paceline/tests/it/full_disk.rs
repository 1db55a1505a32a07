//! The disk is full: what is acknowledged is counted, the rest is refused, and it heals by itself.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use strava_sim::GUARDIAN_ID;
use testkit::eventually;

use crate::test_app::{Setup, TIMEOUT, TestApp};

/// Size of the file system: the databases of five services and the log, and a little more.
const SIZE: &str = "size=24m";

/// A small file system of its own, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it; only root may.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "tmpfs"])
            .arg(at)
            .status()
            .is_ok_and(|status| status.success());
        mounted.then(|| Self(at.to_owned()))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    fn fill(&self) {
        let mut ballast = std::fs::File::create(self.ballast()).unwrap();
        while ballast.write_all(&[0; 4_096]).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_what_is_acknowledged_is_counted_and_it_heals_by_itself() {
    let mut app = TestApp::new(Setup::default()).await;
    let Some(disk) = SmallDisk::mount(&app.data()) else {
        #[expect(clippy::print_stdout, reason = "tells why nothing was tested")]
        {
            println!("skipped: a file system can be mounted by root only");
        }
        return;
    };
    app.up(&[]).await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;
    guardian.connect(&app).await;
    guardian.assert_totals_match(&app).await;
    let before = guardian.count().await;
    app.sim_post("webhooks", &json!({"drop_all": true})).await;

    disk.fill();
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for number in 0..25 {
        let activity = app.record(GUARDIAN_ID, &format!("Run {number}")).await;
        match app.hint(GUARDIAN_ID, activity).await[..] {
            [200] => acknowledged.push(activity),
            [503] => refused.push(activity),
            ref other => panic!("{other:?}"),
        }
    }
    assert!(!refused.is_empty(), "the disk was never full");
    eventually(TIMEOUT, "readiness says so", async || match app.readiness().await {
        (503, body) if body["status"] == "not-ready" => Ok(()),
        other => Err(other),
    })
    .await;

    disk.empty();
    let expected = before + i64::try_from(acknowledged.len()).unwrap();
    eventually(TIMEOUT, "what was acknowledged is counted", async || {
        let count = guardian.count().await;
        if count == expected { Ok(()) } else { Err(format!("{count} instead of {expected}")) }
    })
    .await;
    for activity in refused {
        // Strava delivers again.
        eventually(TIMEOUT, "hints are taken again", async || {
            let statuses = app.hint(GUARDIAN_ID, activity).await;
            if statuses == [200] { Ok(()) } else { Err(statuses) }
        })
        .await;
    }
    guardian.assert_totals_match(&app).await;
    eventually(TIMEOUT, "it is ready", async || {
        let (status, body) = app.readiness().await;
        if status == 200 { Ok(()) } else { Err(body) }
    })
    .await;

    app.kill().await;
    app.advance_clocks(60);
    app.up(&[]).await;
    guardian.assert_totals_match(&app).await;
    app.stop().await;
}
