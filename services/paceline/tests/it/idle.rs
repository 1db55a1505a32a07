//! Memory and CPU of the idle program: measured and printed, not asserted (machines differ).

use std::time::{Duration, Instant};

use crate::test_app::{Setup, TestApp};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_costs_are_measured() {
    let began = Instant::now();
    let mut app = TestApp::start(Setup::default()).await;
    let start = began.elapsed();
    app.guardian_and_child().await;
    // What connecting set off is over before the measure begins.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let id = app.program().id().unwrap();
    let (before, measured) = (ticks(id), Instant::now());
    tokio::time::sleep(Duration::from_secs(10)).await;
    let used = ticks(id) - before;

    let share = used as f64 / 100.0 / measured.elapsed().as_secs_f64() * 100.0;
    #[expect(clippy::print_stdout, reason = "this is what the measure is for")]
    {
        println!(
            "idle: {share:.2} % of a core, {} KiB resident, started in {start:?}",
            resident_kib(id)
        );
    }
    assert!(app.program().is_running());
    app.stop().await;
}

/// Processor time so far, in hundredths of a second.
fn ticks(id: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn resident_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
