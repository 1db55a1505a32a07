//! Databases of former releases (`testdata/databases`) are migrated with everything in them.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use outbox::{Database, Target, sql};
use testkit::Process;

use crate::test_app::{Databases, TIMEOUT};

/// A query on a service's database and its result in the fixture.
const STORED: [(&str, &str, i64); 18] = [
    ("token", "SELECT COUNT(*) FROM connection", 3),
    ("ingest", "SELECT COUNT(*) FROM observation", 758),
    ("ingest", "SELECT COUNT(*) FROM activity", 758),
    ("stats", "SELECT COUNT(*) FROM fact", 758),
    ("stats", "SELECT COUNT(*) FROM daily_total", 753),
    ("duplication", "SELECT COUNT(*) FROM link", 1),
    ("duplication", "SELECT COUNT(*) FROM copy", 1),
    ("identity", "SELECT COUNT(*) FROM account", 3),
    ("ingest", "SELECT COUNT(*) FROM source_identity WHERE source = 'strava:1'", 758),
    (
        "ingest",
        "SELECT COUNT(*) FROM observation o JOIN source_identity i ON i.athlete = o.athlete \
         AND i.source = o.source AND i.source_id = o.source_id \
         JOIN activity a ON a.id = i.activity AND a.source_id = o.source_id",
        758,
    ),
    (
        "ingest",
        "SELECT COUNT(*) FROM activity WHERE sources LIKE '[{\"source\":\"strava:1\",%'",
        758,
    ),
    ("ingest", "SELECT COUNT(*) FROM journal WHERE source = 'strava:1'", 6),
    ("ingest", "SELECT COUNT(*) FROM job WHERE source = 'strava:1' OR kind = 'answer_replay'", 6),
    (
        "ingest",
        "SELECT COUNT(*) FROM job WHERE kind = 'fetch_activity' AND subject LIKE '%-%/strava:1/18%' \
         AND payload LIKE '{\"source\":\"strava:1\",\"source_id\":\"18%\"}'",
        2,
    ),
    (
        "ingest",
        "SELECT COUNT(*) FROM job \
         WHERE kind NOT IN ('fetch_activity', 'backfill', 'poll_recent', 'reconcile_page', 'answer_replay')",
        0,
    ),
    ("ingest", "SELECT COUNT(*) FROM backfill WHERE activities_read > 0", 3),
    ("stats", "SELECT COUNT(*) FROM fact WHERE source = 'strava:1' AND source_id <> ''", 758),
    ("duplication", "SELECT COUNT(*) FROM copy WHERE source = 'strava:1' AND uploads = 1", 1),
];

/// Every service's name and migrations.
fn services() -> [(&'static str, service_kit::Migrations); 5] {
    use service_kit::Service as _;
    [
        ("token", token::Service::migrations()),
        ("ingest", ingest::Service::migrations()),
        ("stats", stats::Service::migrations()),
        ("duplication", duplication::Service::migrations()),
        ("identity", identity::Service::migrations()),
    ]
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/databases/d85d006").join(name)
}

fn unpack(file: &Path) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let packed = std::fs::File::open(file).unwrap();
    GzDecoder::new(packed).read_to_end(&mut unpacked).unwrap();
    unpacked
}

async fn migrate(data: &Path, more: &[&str]) {
    let mut words = vec!["migrate", "--data-dir", data.to_str().unwrap()];
    words.extend(more);
    let mut process = Process::start(env!("CARGO_BIN_EXE_paceline"), words, []);
    let status = process.wait_for_exit(TIMEOUT).await;
    assert!(status.success(), "{}", process.output());
}

async fn assert_everything_is_there(target: impl Fn(&str) -> Target) {
    for (service, query, expected) in STORED {
        let database = Database::connect(&target(service)).await.unwrap();
        let found: Option<i64> = sql::fetch_scalar(database.readers(), query, []).await.unwrap();
        assert_eq!(found, Some(expected), "{service}: {query}");
        database.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_files_of_the_first_release_are_migrated_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    for service in ["token", "ingest", "stats", "duplication", "identity", "bus"] {
        let database = unpack(&fixture("sqlite").join(format!("{service}.db.gz")));
        std::fs::write(data.join(format!("{service}.db")), database).unwrap();
    }
    std::fs::create_dir(data.join("keys")).unwrap();
    for key in std::fs::read_dir(fixture("keys")).unwrap() {
        let key = key.unwrap();
        std::fs::copy(key.path(), data.join("keys").join(key.file_name())).unwrap();
    }

    migrate(data, &[]).await;

    assert_everything_is_there(|service| Target::Sqlite {
        file: data.join(format!("{service}.db")),
    })
    .await;
    let words = ["up", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--data-dir"];
    let words = words.into_iter().chain([data.to_str().unwrap()]);
    let mut program = Process::start(env!("CARGO_BIN_EXE_paceline"), words, []);
    program.wait_until_ready(TIMEOUT).await;
    program.terminate().await;
    assert!(program.wait_for_exit(TIMEOUT).await.success(), "{}", program.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_databases_of_the_first_release_are_migrated() {
    let databases = Databases::new().await;
    for service in ["token", "ingest", "stats", "duplication", "identity"] {
        let dump = unpack(&fixture("mariadb").join(format!("{service}.sql.gz")));
        let database = Database::connect(&databases.target(service)).await.unwrap();
        for statement in String::from_utf8(dump).unwrap().split(";\n") {
            // Every statement ends with its line; locks and session variables need no restoring.
            if ["CREATE", "INSERT"].iter().any(|verb| statement.trim_start().starts_with(verb)) {
                sql::execute(database.writer(), statement, []).await.unwrap();
            }
        }
        database.close().await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();

    migrate(folder.path(), &["--database-url", &databases.url()]).await;

    assert_everything_is_there(|service| databases.target(service)).await;
    databases.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_after_any_migration_of_any_service_is_healed_by_the_next_start() {
    for (service, own) in services() {
        let migrations: Vec<_> = outbox::migrations::shared().into_iter().chain(own).collect();
        for database in testkit::databases().await {
            database.migrate_with_crashes(&migrations).await;
            let applied = database.query_i64("SELECT COUNT(*) FROM applied_migration").await;
            assert_eq!(applied, migrations.len() as i64, "{service} on {}", database.engine());
        }
    }
}
