//! Kill −9, while publishing and while handling.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use contracts::wire::envelope::Payload;
use contracts::{Envelope, Topic};
use event_bus::Bus;
use tokio::time::sleep;

use crate::support::{TOPIC, World, publish};

/// A child process that dies with the test.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        // It may be dead already; that is what it is for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Victim {
    fn start(arguments: &[&str]) -> Self {
        Self(Command::new(program()).args(arguments).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// SIGKILL: no handler runs, no buffer is flushed.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// `examples/bus_child`, which cargo builds together with this test.
pub(crate) fn program() -> PathBuf {
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

/// Where the child finds the log. The built-in log of the world itself stays open here, and is for
/// one process only: the child gets a file beside it.
fn address(world: &World) -> String {
    if world.is_built_in() {
        format!("file:{}", world.folder().join("child.db").display())
    } else {
        world.address.clone()
    }
}

async fn open(world: &World, address: &str) -> Bus {
    let bus = match address.strip_prefix("file:") {
        Some(file) => {
            Bus::open_built_in(crate::support::log_settings(file.into(), 3)).await.unwrap()
        }
        None => world.bus.clone(),
    };
    bus.ensure_topics(&[TOPIC]).await.unwrap();
    bus
}

pub(crate) async fn what_was_acknowledged_survives_a_kill_while_publishing(world: &World) {
    let address = address(world);
    let mut acknowledged = BTreeSet::new();
    for round in 1..=3 {
        let mut victim = Victim::start(&[&address, "publish"]);
        let lines = BufReader::new(victim.0.stdout.take().unwrap()).lines();
        let mut heard = 0;
        for line in lines {
            // The last line may be cut by the kill; an acknowledgement counts when it was said whole.
            let Some(number) =
                line.unwrap().strip_prefix("ACK ").and_then(|number| number.parse::<i64>().ok())
            else {
                continue;
            };
            acknowledged.insert(number);
            heard += 1;
            if heard == 150 * round {
                victim.kill();
            }
        }
        assert!(heard >= 150 * round, "the child ended on its own");
    }
    let bus = open(world, &address).await;
    let found: BTreeSet<i64> =
        bus.read_all(TOPIC).await.unwrap().iter().map(|record| number(&record.value)).collect();
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    if world.is_built_in() {
        assert!(bus.check_health().await.is_ok());
    } else {
        world.bus.ensure_topics(&Topic::ALL).await.unwrap();
    }
}

fn number(value: &[u8]) -> i64 {
    match Envelope::decode(value).unwrap().payload {
        Payload::Hint(hint) => hint.object_id,
        other => panic!("not a hint: {other:?}"),
    }
}

pub(crate) async fn after_a_kill_while_handling_everything_is_handled_and_little_twice(
    world: &World,
) {
    const ALL: i64 = 2_000;
    let address = address(world);
    let bus = open(world, &address).await;
    publish(&bus, (0..ALL).map(|number| (number % 5, number))).await;
    drop(bus);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("handled");
    for enough in [300, 900] {
        let mut victim = Victim::start(&[&address, "handle", &file.display().to_string()]);
        until(&file, |handled| handled.len() >= enough).await;
        victim.kill();
    }
    let _last = Victim::start(&[&address, "handle", &file.display().to_string()]);
    let all: BTreeSet<(i64, i64)> = (0..ALL).map(|number| (number % 5, number)).collect();
    until(&file, |handled| handled.iter().copied().collect::<BTreeSet<_>>() == all).await;
    let handled = lines(&file);
    let twice = handled.len() - all.len();
    assert!(twice < 1_500, "{twice} of {ALL} were handled twice: offsets were not committed");
    // A repetition is one whole stretch that comes again: within it, order per key holds.
    for owner in 0..5 {
        let of: Vec<i64> =
            handled.iter().filter(|(of, _)| *of == owner).map(|(_, number)| *number).collect();
        let steps_back = of.windows(2).filter(|pair| pair[1] <= pair[0]).count();
        assert!(steps_back <= 2, "owner {owner} went back {steps_back} times in two kills");
        assert!(
            of.windows(2).all(|pair| pair[1] <= pair[0] || pair[1] == pair[0] + 5),
            "owner {owner} skipped: {of:?}"
        );
    }
}

fn lines(file: &Path) -> Vec<(i64, i64)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let whole = text.lines().filter_map(|line| line.split_once(' '));
    whole.filter_map(|(owner, number)| Some((owner.parse().ok()?, number.parse().ok()?))).collect()
}

async fn until(file: &Path, so: impl Fn(&[(i64, i64)]) -> bool) {
    for _ in 0..9_000 {
        if so(&lines(file)) {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 90 s; handled so far: {}", lines(file).len());
}
