//! Starting: beside another, with a wrong setting, and on a directory that another log has served.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use contracts::wire::envelope::Payload;
use contracts::{Cause, Envelope, Topic, record_key};
use event_bus::PublisherKind;
use kernel::{Clock, EventId, Ids, SystemClock, SystemIds};
use outbox::{Database, Target, sql};
use serde_json::json;
use strava_sim::GUARDIAN_ID;
use testkit::Process;
use tokio::process::Command;

use crate::test_app::{Setup, TIMEOUT, TestApp, Topics};

/// A uid that owns nothing.
const NOBODY: u32 = 65_534;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_program_on_the_same_data_directory_is_refused_and_told_why() {
    let mut app = TestApp::start(Setup::default()).await;

    let mut second = app.spawn_process("up", &[], &[]);

    let status = second.wait_for_exit(TIMEOUT).await;
    assert_eq!(status.code(), Some(1));
    let output = wait_for_output(&second, "another paceline runs on the data directory").await;
    assert!(output.contains(app.data().to_str().unwrap()), "{output}");
    assert!(output.contains("--data-dir"), "{output}");
    // The first one is none the worse for it.
    assert_eq!(app.readiness().await.0, 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_it_writes_is_for_its_owner_alone_and_what_was_open_is_closed() {
    let mut app = TestApp::start(Setup::default()).await;
    app.stop().await;
    assert_eq!(list_open(&app), [""; 0]);
    let opened = ["", "stats.db", "keys", "keys/token.keys"];
    for name in opened {
        let path = app.data().join(name);
        let mode = path.metadata().unwrap().permissions().mode() | 0o055;
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let mut doctor = app.spawn_process("doctor", &[], &[]);
    doctor.wait_for_exit(TIMEOUT).await;
    wait_for_output(&doctor, "others can read 4 files or folders").await;

    app.up(&[]).await;

    assert_eq!(list_open(&app), [""; 0]);
    assert!(app.output().contains("for its owner alone"), "{}", app.output());
    app.stop().await;
}

/// Paths in the data directory on which others have rights.
fn list_open(app: &TestApp) -> Vec<String> {
    let (mut open, mut folders) = (Vec::new(), vec![app.data()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.permissions().mode() & 0o077 != 0 {
                open.push(entry.path().display().to_string());
            }
            if metadata.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    open
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_it_cannot_write_is_refused_with_owner_uid_and_the_command_that_mends_it() {
    let mut app = TestApp::start(Setup::default()).await;
    app.stop().await;
    let file = app.data().join("stats.db");
    let owner = file.metadata().unwrap().uid();
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    let (uid, remedy) = if owner == 0 {
        // Root may write everything: the program runs as somebody else, from where anybody may run it.
        let program = app.file("paceline");
        std::fs::copy(env!("CARGO_BIN_EXE_paceline"), &program).unwrap();
        for folder in [app.file(""), app.data()] {
            std::fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
        }
        command = Command::new(program);
        command.uid(NOBODY);
        (NOBODY, format!("sudo chown -R {NOBODY} {}", app.data().display()))
    } else {
        std::fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
        (owner, format!("chmod -R u+rwX {}", app.data().display()))
    };
    command.args(["up", "--data-dir", app.data().to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    let before = std::fs::read(&file).unwrap();

    let mut refused = Process::spawn(command);

    let status = refused.wait_for_exit(TIMEOUT).await;
    let output = wait_for_output(&refused, "cannot write").await;
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains(app.data().to_str().unwrap()), "{output}");
    assert!(output.contains(&format!("belongs to uid {owner}")), "{output}");
    assert!(output.contains(&format!("runs as uid {uid}")), "{output}");
    assert!(output.contains(&remedy), "{output}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_keys_of_stored_tokens_it_does_not_start_and_makes_none() {
    let mut app = TestApp::start(Setup::default()).await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;
    guardian.connect(&app).await;
    guardian.assert_totals_match(&app).await;
    app.stop().await;
    let (keys, backup) = (app.data().join("keys/token.keys"), app.file("backup"));
    let id = std::fs::read_to_string(&keys).unwrap();
    let id = id.lines().last().unwrap().split(' ').next().unwrap().to_owned();
    std::fs::rename(&keys, &backup).unwrap();

    for command in ["up", "doctor"] {
        let mut refused = app.spawn_process(command, &[], &[]);
        let status = refused.wait_for_exit(TIMEOUT).await;
        let output = wait_for_output(&refused, &format!("sealed with the key {id}")).await;
        assert_eq!(status.code(), Some(if command == "up" { 78 } else { 1 }), "{output}");
        assert!(output.contains(keys.to_str().unwrap()), "{output}");
        assert!(!keys.exists(), "no key was made");
    }

    let mut migrated = app.spawn_process("migrate", &[], &[]);
    assert!(migrated.wait_for_exit(TIMEOUT).await.success(), "{}", migrated.output());
    wait_for_output(&migrated, "WARNING: the next start is refused").await;
    assert!(!keys.exists(), "no key was made");

    std::fs::rename(&backup, &keys).unwrap();
    app.up(&[]).await;
    app.record(GUARDIAN_ID, "Back again").await;
    guardian.assert_totals_match(&app).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_another_key_under_the_same_id_it_does_not_start_and_changes_no_row() {
    let mut app = TestApp::start(Setup::default()).await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;
    guardian.connect(&app).await;
    guardian.assert_totals_match(&app).await;
    app.stop().await;
    let keys = app.data().join("keys/token.keys");
    let right = std::fs::read_to_string(&keys).unwrap();
    let id = right.lines().last().unwrap().split(' ').next().unwrap().to_owned();
    let wrong = format!("{id} {}=\n", "A".repeat(43));
    std::fs::write(&keys, &wrong).unwrap();
    let before = sealed_rows(&app).await;

    for command in ["up", "doctor"] {
        let mut refused = app.spawn_process(command, &[], &[]);
        let status = refused.wait_for_exit(TIMEOUT).await;
        let output = wait_for_output(&refused, &format!("the key {id} in")).await;
        assert_eq!(status.code(), Some(if command == "up" { 78 } else { 1 }), "{output}");
        assert!(output.contains(keys.to_str().unwrap()), "{output}");
    }

    assert_eq!(std::fs::read_to_string(&keys).unwrap(), wrong, "the file is left alone");
    assert_eq!(sealed_rows(&app).await, before);
    std::fs::write(&keys, right).unwrap();
    app.up(&[]).await;
    app.record(GUARDIAN_ID, "Back again").await;
    guardian.assert_totals_match(&app).await;
    app.stop().await;
}

/// Every row of the stopped program that holds something sealed.
async fn sealed_rows(app: &TestApp) -> Vec<String> {
    let target = outbox::Target::Sqlite { file: app.data().join("token.db") };
    let database = outbox::Database::connect(&target).await.unwrap();
    let connections = "SELECT id || state || reason || access_sealed || refresh_sealed || revision \
         FROM connection ORDER BY id";
    let sentinels = "SELECT key_id || sentinel || sealed_at_us FROM sealing_key ORDER BY key_id";
    let mut rows = Vec::new();
    for select in [connections, sentinels] {
        let found: Vec<String> =
            outbox::sql::fetch_scalars(database.readers(), select, []).await.unwrap();
        assert!(!found.is_empty(), "{select}");
        rows.extend(found);
    }
    database.close().await.unwrap();
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_database_is_a_finding_of_the_doctor() {
    let mut app = TestApp::start(Setup::default()).await;
    let mut sound = app.spawn_process("doctor", &[], &[]);
    sound.wait_for_exit(TIMEOUT).await;
    let output = wait_for_output(&sound, "Strava:").await;
    assert!(output.contains("stats: sound, and can be written"), "{output}");
    app.stop().await;
    let file = app.data().join("stats.db");
    // What is still in the write-ahead log would hide the damage.
    let database = Database::connect(&Target::Sqlite { file: file.clone() }).await.unwrap();
    sql::exists(database.writer(), "PRAGMA wal_checkpoint(TRUNCATE)", []).await.unwrap();
    database.close().await.unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8_192].fill(0xff);
    std::fs::write(&file, bytes).unwrap();

    let mut doctor = app.spawn_process("doctor", &[], &[]);

    let status = doctor.wait_for_exit(TIMEOUT).await;
    let output = wait_for_output(&doctor, "Strava:").await;
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains("FAULT   database: stats"), "{output}");
    assert!(output.contains(file.to_str().unwrap()), "{output}");
}

#[tokio::test]
async fn a_wrong_setting_names_the_key_where_it_came_from_and_what_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paceline.toml");
    std::fs::write(&file, "[kafka]\npartitions = \"many\"\n").unwrap();
    let data = folder.path().join("data");
    let common = ["up", "--data-dir", data.to_str().unwrap()];

    let mut from_file = Process::start(
        env!("CARGO_BIN_EXE_paceline"),
        common.into_iter().chain(["--config", file.to_str().unwrap()]),
        [],
    );
    let mut from_variable = Process::start(
        env!("CARGO_BIN_EXE_paceline"),
        common,
        [("PACELINE_STATS__WATCH_S", "soon")],
    );
    let mut senseless = Process::start(
        env!("CARGO_BIN_EXE_paceline"),
        common,
        [("PACELINE_IDENTITY__SESSION_S", "-5")],
    );
    let mut luring = Process::start(
        env!("CARGO_BIN_EXE_paceline"),
        common.into_iter().chain(["--public-url", "https://paceline.example"]),
        [("PACELINE_TOKEN__SCRIPT_CONNECTS", "true")],
    );
    let mut unknown =
        Process::start(env!("CARGO_BIN_EXE_paceline"), common, [("PACELINE_STATS__WATHC_S", "1")]);

    assert_eq!(from_file.wait_for_exit(TIMEOUT).await.code(), Some(78));
    let output = wait_for_output(&from_file, "kafka.partitions").await;
    assert!(output.contains(file.to_str().unwrap()), "{output}");
    assert_eq!(from_variable.wait_for_exit(TIMEOUT).await.code(), Some(78));
    let output = wait_for_output(&from_variable, "stats.watch_s").await;
    assert!(output.contains("PACELINE_STATS__WATCH_S"), "{output}");
    assert_eq!(senseless.wait_for_exit(TIMEOUT).await.code(), Some(78));
    wait_for_output(&senseless, "expected a whole number from 60 to 86400").await;
    assert_eq!(luring.wait_for_exit(TIMEOUT).await.code(), Some(78));
    wait_for_output(&luring, "PACELINE_TOKEN__SCRIPT_CONNECTS, is invalid: with server.public_url")
        .await;
    assert!(!data.exists(), "nothing is made");
    assert_eq!(unknown.wait_for_exit(TIMEOUT).await.code(), Some(78));
    wait_for_output(&unknown, "PACELINE_STATS__WATHC_S").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_and_migrate_run_beside_a_serving_program() {
    let mut app = TestApp::start(Setup::default()).await;
    for (command, arguments, expected) in
        [("parked", ["list"].as_slice(), "nothing is parked"), ("migrate", &[], "up to date")]
    {
        let mut beside = app.spawn_process(command, arguments, &[]);
        let status = beside.wait_for_exit(TIMEOUT).await;
        assert!(status.success(), "{command}: {}", beside.output());
        wait_for_output(&beside, expected).await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_with_kafka_it_works_off_what_the_built_in_log_still_holds() {
    let topics = Topics::new();
    let mut app = TestApp::start(Setup::default()).await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;
    guardian.connect(&app).await;
    guardian.assert_totals_match(&app).await;
    let silent = app.record_as(GUARDIAN_ID, "Hinted only", &json!({"silent": true})).await;
    app.stop().await;
    publish_hint(&app, silent).await;
    assert!(app.log().await.total_lag().await.unwrap() > 0);

    let Setup { settings, .. } = Setup::default().on(&topics);
    app.settings = settings;
    app.up(&[]).await;

    guardian.assert_totals_match(&app).await;
    app.record(GUARDIAN_ID, "On Kafka").await;
    guardian.assert_totals_match(&app).await;
    app.stop().await;
    assert_eq!(app.log().await.total_lag().await.unwrap(), 0);
    let on_kafka = topics.records().await;
    let is_hint = |value: &[u8]| matches!(Envelope::decode(value).unwrap().payload, Payload::Hint(hint) if hint.object_id == silent);
    assert!(!on_kafka.iter().any(|(_, value)| is_hint(value)), "it was handled where it lay");
    assert!(on_kafka.iter().any(|(topic, _)| *topic == Topic::StravaEvents));
    topics.remove().await;
}

/// A hint that reached the log, and nobody since.
async fn publish_hint(app: &TestApp, activity: i64) {
    let now = SystemClock::new().now();
    let payload = Payload::Hint(contracts::strava::Hint {
        application: 1,
        owner: GUARDIAN_ID,
        object_type: contracts::strava::ObjectType::Activity.into(),
        object_id: activity,
        aspect: contracts::strava::Aspect::Create.into(),
        event_time_s: now.as_secs(),
        subscription: 1,
        ..Default::default()
    });
    let key = record_key(Topic::StravaEvents, None, &payload);
    let envelope = Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(now)),
        occurred_at: now,
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Live,
        replay: false,
        traceparent: String::new(),
        payload,
    };
    let publisher = app.log().await.publisher(PublisherKind::Intake);
    publisher.publish(Topic::StravaEvents, &key, envelope.encode()).await.unwrap();
}

/// Waits until the output of the process contains a text, and returns the output.
async fn wait_for_output(process: &Process, part: &str) -> String {
    testkit::eventually(TIMEOUT, &format!("it says {part:?}"), async || {
        let output = process.output();
        if output.contains(part) { Ok(output) } else { Err(output) }
    })
    .await
}
