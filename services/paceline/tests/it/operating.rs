//! What an operator sees from a shell beside the program, whose environment is not the program's.

use std::path::Path;
use std::process::Output;

use contracts::Topic;
use event_bus::PublisherKind;
use serde_json::Value;
use strava_sim::GUARDIAN_ID;
use testkit::eventually;
use tokio::process::Command;

use crate::test_app::{Setup, TIMEOUT, TestApp, free_port};

/// Runs a command in a shell that knows the data directory and nothing else of the program.
async fn run(data: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    command.args(words).arg("--data-dir").arg(data);
    command.output().await.unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The finding of a check of `doctor --json`.
fn find(output: &Output, check: &str) -> Value {
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let finding = findings.iter().find(|finding| finding["check"] == check);
    finding.unwrap_or_else(|| panic!("no {check:?} in {findings:?}")).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_judges_the_running_program_and_not_the_shell_it_is_called_from() {
    let mut app = TestApp::start(Setup::default()).await;

    let output = run(&app.data(), &["doctor", "--json"]).await;

    for (check, said) in [
        ("program", "runs token, ingest, stats, duplication, identity"),
        ("Strava application", "client id 1"),
        ("public address", "answers as this program"),
        ("webhook callback", "repeats the challenge"),
        ("webhook subscription", "leads here"),
        ("clock", "agrees"),
        ("log", "sound"),
        ("sealing keys", "no token is stored"),
        ("database", "sound, and can be written"),
        ("Strava", "answers"),
    ] {
        let finding = find(&output, check);
        assert_eq!(finding["state"], "ok", "{finding}");
        assert!(finding["said"].as_str().unwrap().contains(said), "{finding}");
    }
    assert!(find(&output, "disk space")["said"].as_str().unwrap().ends_with("MiB left"));
    let secret = std::fs::read_to_string(app.data().join("keys/webhook-secret")).unwrap();
    assert!(!stdout(&output).contains(secret.trim()), "no secret is told");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_subscription_and_a_callback_that_leads_nowhere_are_findings() {
    // Nobody forwards this address to the program.
    let elsewhere = format!("http://127.0.0.1:{}/", free_port());
    let mut setup = Setup::default().set("PACELINE_SERVER__PUBLIC_URL", &elsewhere);
    setup.reachable = false;
    let mut app = TestApp::start(setup).await;

    let output = run(&app.data(), &["doctor", "--json"]).await;

    for check in ["public address", "webhook callback", "webhook subscription"] {
        let finding = find(&output, check);
        assert_eq!(finding["state"], "warning", "{finding}");
        assert!(finding["advice"].is_string(), "{finding}");
    }
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    let secret = std::fs::read_to_string(app.data().join("keys/webhook-secret")).unwrap();
    assert!(!stdout(&output).contains(secret.trim()), "no secret is told");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_program_the_doctor_judges_the_files_says_so_and_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut app = TestApp::start(Setup::default()).await;
    app.stop().await;
    let before = list(&app.data());

    let fresh = run(&data, &["doctor", "--json", "--ops-listen", "127.0.0.1:1"]).await;
    let stopped = run(&app.data(), &["doctor", "--json"]).await;

    for output in [&fresh, &stopped] {
        let finding = find(output, "program");
        assert!(finding["said"].as_str().unwrap().contains("none answers at"), "{finding}");
        assert_eq!(find(output, "Strava application")["state"], "warning");
    }
    assert!(!data.exists(), "nothing is made");
    assert!(find(&stopped, "database")["said"].as_str().unwrap().contains("sound"));
    let made: Vec<_> = list(&app.data()).into_iter().filter(|it| !before.contains(it)).collect();
    assert_eq!(made, [""; 0]);
}

/// The paths below a folder.
fn list(folder: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(list(&path));
        }
        paths.push(path.display().to_string());
    }
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_records_are_listed_shown_replayed_and_dropped_by_the_running_program() {
    let mut app = TestApp::start(Setup::default()).await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;
    guardian.connect(&app).await;
    guardian.assert_totals_match(&app).await;
    app.stop().await;
    let publisher = app.log().await.publisher(PublisherKind::Relay);
    publisher.publish(Topic::Activities, &guardian.athlete, b"no envelope".to_vec()).await.unwrap();
    drop(publisher);
    app.up(&[]).await;
    let data = app.data();
    let listed = wait_for_parked(&data, |ids| !ids.is_empty()).await;
    let metrics = app.metrics().await;
    assert!(metrics.contains("parked_records{service=\"stats\"} 1\n"), "{metrics}");
    // A shell that would look into the wrong databases, were it left to itself.
    let wrong = ["--database-url", "mysql://nobody@127.0.0.1:1/"];

    let shown = run(&data, &[&["parked", "show", "stats", &listed[0]][..], &wrong].concat()).await;
    let replayed =
        run(&data, &[&["parked", "replay", "stats", &listed[0]][..], &wrong].concat()).await;

    let record: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(record["topic"], "activities");
    assert_eq!(record["value"], "bm8gZW52ZWxvcGU=");
    assert!(stdout(&replayed).contains("back in the outbox"), "{replayed:?}");
    // It is published, and no more an envelope than before.
    let again = wait_for_parked(&data, |ids| ids.iter().any(|id| !listed.contains(id))).await;
    for id in again {
        let dropped = run(&data, &["parked", "drop", "stats", &id]).await;
        assert!(dropped.status.success(), "{dropped:?}");
        let twice = run(&data, &["parked", "drop", "stats", &id]).await;
        assert_eq!(twice.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&twice.stderr).contains("nothing is parked as"));
    }
    wait_for_parked(&data, |ids| ids.is_empty()).await;
    app.stop().await;
}

/// Waits until the ids of what stats has parked are as wanted.
async fn wait_for_parked(data: &Path, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
    eventually(TIMEOUT, "stats has parked what it should have", async || {
        let output = stdout(&run(data, &["parked", "list"]).await);
        let ids: Vec<String> = (output.lines().filter(|line| line.starts_with("stats ")))
            .map(|line| line.split_whitespace().nth(1).unwrap().to_owned())
            .collect();
        if wanted(&ids) { Ok(ids) } else { Err(output) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operations_port_answers_commands_only_with_the_internal_credential() {
    let mut app = TestApp::start(Setup::default()).await;
    let id = "00000000-0000-7000-8000-000000000000";
    let record = format!("parked/stats/{id}");
    let replay = format!("{record}/replay");

    for (method, path) in [
        ("GET", "program"),
        ("GET", "doctor"),
        ("GET", "parked"),
        ("GET", &record),
        ("DELETE", &record),
        ("POST", &replay),
    ] {
        let url = format!("{}/internal/v1/{path}", app.ops);
        let request = app.http.request(method.parse().unwrap(), &url);
        let response = request.bearer_auth("guessed").send().await.unwrap();
        assert_eq!(response.status(), 401, "{method} {path}");
        let public = format!("{}/internal/v1/{path}", app.base);
        let public = app.http.request(method.parse().unwrap(), &public).send().await.unwrap();
        assert_eq!(public.status(), 404, "{method} {path} is not public");
    }
    // A shell with another credential is told so, and works on the files.
    std::fs::write(app.data().join("keys/internal-credential"), "another one, of before").unwrap();
    let doctor = run(&app.data(), &["doctor", "--json"]).await;
    assert_eq!(find(&doctor, "program")["state"], "warning");
    let parked = run(&app.data(), &["parked", "list"]).await;
    assert!(stdout(&parked).contains("nothing is parked"));
    assert!(String::from_utf8_lossy(&parked.stderr).contains("does not take this credential"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_series_that_an_alert_rule_names_exists_in_a_program_that_has_just_started() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let rules = std::fs::read_to_string(root.join("deploy/alerts/paceline.rules.yml")).unwrap();
    let mut app = TestApp::start(Setup::default()).await;

    let metrics = app.metrics().await;

    let mut count = 0;
    for rule in rules.split("- alert: ").skip(1) {
        let name = rule.lines().next().unwrap();
        let value_of = |key: &str| {
            let line = rule.lines().find_map(|line| line.trim().strip_prefix(key));
            line.unwrap_or_else(|| panic!("{name} has no {key}")).trim().to_owned()
        };
        for (metric, labels) in list_selectors(&value_of("expr:")) {
            count += 1;
            let exists = metrics.lines().any(|line| {
                let rest = line.strip_prefix(metric.as_str());
                rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
                    && labels.iter().all(|label| line.contains(label))
            });
            assert!(exists, "{name}: {metric} {labels:?} is not in\n{metrics}");
        }
        assert!(!value_of("summary:").is_empty());
        let runbook = root.join(value_of("runbook:"));
        assert!(runbook.is_file(), "{name}: {}", runbook.display());
    }
    assert!(count > 15, "the rules were read: {count}");
    app.stop().await;
}

/// The metrics of an expression with the labels that must be equal to a text.
fn list_selectors(expression: &str) -> Vec<(String, Vec<String>)> {
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let mut selectors = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(is_name) {
        let name = &rest[start..];
        let (name, after) = name.split_at(name.find(|char| !is_name(char)).unwrap_or(name.len()));
        rest = after;
        if name == "by" {
            rest = after.split_once(')').unwrap().1;
            continue;
        }
        let mut labels = Vec::new();
        if let Some(inside) = after.strip_prefix('{') {
            let (inside, after) = inside.split_once('}').unwrap();
            let equal = inside.split(',').filter(|label| !label.contains("=~"));
            labels.extend(equal.map(|label| label.trim().to_owned()));
            rest = after;
        }
        // Functions are followed by a bracket; durations and numbers begin with a digit.
        let is_metric = !after.starts_with('(')
            && !name.starts_with(|char: char| char.is_ascii_digit())
            && !["and", "max", "sum"].contains(&name);
        if is_metric {
            selectors.push((name.to_owned(), labels));
        }
    }
    selectors
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_has_a_help_text_and_a_line_in_the_documentation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let documentation = std::fs::read_to_string(root.join("docs/operations.md")).unwrap();
    let mut app = TestApp::start(Setup::default()).await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;
    guardian.connect(&app).await;
    guardian.assert_totals_match(&app).await;

    let metrics = app.metrics().await;

    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names: Vec<&str> = types.map(|line| line.split(' ').next().unwrap()).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name} has no HELP text");
        assert!(documentation.contains(&format!("`{name}`")), "{name} is in no documentation");
    }
    for series in [
        "token_connections{state=\"connected\"} 1\n",
        "token_connections{state=\"reconnect-needed\"} 0\n",
        "token_leases_total{purpose=\"copy\",answer=\"granted\"} 0\n",
        "bus_settled_total{group=\"stats\",topic=\"activities\",outcome=\"parked\"} 0\n",
        "jobs_failed_total{kind=\"",
    ] {
        assert!(metrics.contains(series), "{series} is not in\n{metrics}");
    }
    let left = |window: &str| {
        let series = format!("token_budget_left_calls{{window=\"{window}\",bucket=\"read\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(series.as_str()));
        line.unwrap().parse::<f64>().unwrap()
    };
    assert!(left("day") > 0.0 && left("15min") > 0.0);
    app.stop().await;
}
