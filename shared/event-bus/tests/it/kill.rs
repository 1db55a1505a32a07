//! Tests that kill a child process (SIGKILL) while it publishes and while it handles.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use contracts::wire::envelope::Payload;
use contracts::{Envelope, Topic};
use event_bus::Bus;
use tokio::time::sleep;

use crate::support::{TOPIC, TestLog, publish};

/// A child process that is killed when the test ends.
struct ChildProcess(Child);

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl ChildProcess {
    fn start(arguments: &[&str]) -> Self {
        Self(Command::new(child_program()).args(arguments).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Sends SIGKILL: no handler runs, no buffer is flushed.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Returns the path of `examples/bus_child`, which cargo builds together with this test.
pub(crate) fn child_program() -> PathBuf {
    let profile =
        std::env::current_exe().unwrap().parent().and_then(Path::parent).unwrap().to_owned();
    let program = profile.join("examples").join("bus_child");
    assert!(
        program.exists(),
        "{} is missing: cargo test -p event-bus builds it",
        program.display()
    );
    program
}

/// Returns the address of a log for the child. The built-in log itself is open in this process, and is
/// for one process only: the child gets a file beside it.
fn child_address(log: &TestLog) -> String {
    if log.is_built_in() {
        format!("file:{}", log.folder().join("child.db").display())
    } else {
        log.address.clone()
    }
}

async fn open_bus(log: &TestLog, address: &str) -> Bus {
    let bus = match address.strip_prefix("file:") {
        Some(file) => {
            Bus::open_built_in(crate::support::log_settings(file.into(), 3)).await.unwrap()
        }
        None => log.bus.clone(),
    };
    bus.ensure_topics(&[TOPIC]).await.unwrap();
    bus
}

pub(crate) async fn what_was_acknowledged_survives_a_kill_while_publishing(log: &TestLog) {
    let address = child_address(log);
    let mut acknowledged = BTreeSet::new();
    for round in 1..=3 {
        let mut child = ChildProcess::start(&[&address, "publish"]);
        let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let mut acknowledgements = 0;
        for line in lines {
            // The last line may be cut by the kill; an acknowledgement counts if it was written whole.
            let Some(number) =
                line.unwrap().strip_prefix("ACK ").and_then(|number| number.parse::<i64>().ok())
            else {
                continue;
            };
            acknowledged.insert(number);
            acknowledgements += 1;
            if acknowledgements == 150 * round {
                child.kill();
            }
        }
        assert!(acknowledgements >= 150 * round, "the child ended on its own");
    }
    let bus = open_bus(log, &address).await;
    let found: BTreeSet<i64> = bus
        .read_all(TOPIC)
        .await
        .unwrap()
        .iter()
        .map(|record| hint_number(&record.value))
        .collect();
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    if log.is_built_in() {
        assert!(bus.check_health().await.is_ok());
    } else {
        log.bus.ensure_topics(&Topic::ALL).await.unwrap();
    }
}

fn hint_number(value: &[u8]) -> i64 {
    match Envelope::decode(value).unwrap().payload {
        Payload::Hint(hint) => hint.object_id,
        other => panic!("not a hint: {other:?}"),
    }
}

pub(crate) async fn after_a_kill_while_handling_everything_is_handled_and_little_twice(
    log: &TestLog,
) {
    const ALL: i64 = 2_000;
    let address = child_address(log);
    let bus = open_bus(log, &address).await;
    publish(&bus, (0..ALL).map(|number| (number % 5, number))).await;
    drop(bus);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("handled");
    for count in [300, 900] {
        let mut child = ChildProcess::start(&[&address, "handle", &file.display().to_string()]);
        wait_until(&file, |handled| handled.len() >= count).await;
        child.kill();
    }
    let _last = ChildProcess::start(&[&address, "handle", &file.display().to_string()]);
    let all: BTreeSet<(i64, i64)> = (0..ALL).map(|number| (number % 5, number)).collect();
    wait_until(&file, |handled| handled.iter().copied().collect::<BTreeSet<_>>() == all).await;
    let handled = read_handled(&file);
    let twice = handled.len() - all.len();
    assert!(twice < 1_500, "{twice} of {ALL} were handled twice: offsets were not committed");
    // A repetition is one whole stretch that comes again: within it, order per key holds.
    for owner in 0..5 {
        let numbers: Vec<i64> =
            handled.iter().filter(|(of, _)| *of == owner).map(|(_, number)| *number).collect();
        let steps_back = numbers.windows(2).filter(|pair| pair[1] <= pair[0]).count();
        assert!(steps_back <= 2, "owner {owner} went back {steps_back} times in two kills");
        assert!(
            numbers.windows(2).all(|pair| pair[1] <= pair[0] || pair[1] == pair[0] + 5),
            "owner {owner} skipped: {numbers:?}"
        );
    }
}

fn read_handled(file: &Path) -> Vec<(i64, i64)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let whole = text.lines().filter_map(|line| line.split_once(' '));
    whole.filter_map(|(owner, number)| Some((owner.parse().ok()?, number.parse().ok()?))).collect()
}

async fn wait_until(file: &Path, condition: impl Fn(&[(i64, i64)]) -> bool) {
    for _ in 0..9_000 {
        if condition(&read_handled(file)) {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 90 s; handled so far: {}", read_handled(file).len());
}
