//! Settings in layers, with secrets in files, and with errors.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use settings::{Loader, SettingsError};
use tempfile::TempDir;
use url::Url;

const DEFAULTS: &str = r#"
[server]
workers = 2
origins = ""
frontend_url = ""
[strava]
client_id = 0
client_secret = ""
[database]
url = ""
[ingest]
refresh_api_key = ""
[log]
filter = "info"
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct All {
    server: Server,
    strava: Strava,
    #[serde(default)]
    database: Database,
    #[serde(default)]
    ingest: Ingest,
    log: Log,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    workers: usize,
    #[serde(default, deserialize_with = "settings::deserialize_list")]
    origins: Vec<String>,
    frontend_url: Option<Url>,
}

#[derive(Debug, Deserialize)]
struct Strava {
    client_id: i64,
    #[serde(default)]
    client_secret: SecretString,
}

#[derive(Debug, Default, Deserialize)]
struct Database {
    #[serde(default)]
    url: String,
}

#[derive(Debug, Default, Deserialize)]
struct Ingest {
    #[serde(default)]
    refresh_api_key: SecretString,
}

#[derive(Debug, Deserialize)]
struct Log {
    filter: String,
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn defaults() -> Loader {
    Loader::new(DEFAULTS).unwrap()
}

fn write_file(folder: &TempDir, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

fn error_text(result: Result<impl std::fmt::Debug, SettingsError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_flag_beats_a_variable_beats_a_file_beats_the_default() {
    let folder = TempDir::new().unwrap();
    let file = write_file(
        &folder,
        "paceline.toml",
        "[server]\nworkers = 3\norigins = [\"https://a\", \"https://b\"]\n[log]\nfilter = \"warn\"\n[database]\nurl = \"a\"\n",
        0o644,
    );
    let environment = variables(&[
        ("PACELINE_SERVER__WORKERS", "4"),
        ("PACELINE_LOG__FILTER", "debug"),
        ("PATH", "/bin"),
    ]);

    let loader = defaults().file(&file).unwrap().environment(&environment).unwrap();
    let loaded = loader
        .flag("--workers", "server.workers", Some("5".to_owned()))
        .unwrap()
        .load::<All>()
        .unwrap();

    let all = loaded.settings;
    assert_eq!(
        (all.server.workers, all.log.filter.as_str(), all.database.url.as_str()),
        (5, "debug", "a")
    );
    assert_eq!(all.server.origins, ["https://a", "https://b"]);
    assert_eq!((all.strava.client_id, all.server.frontend_url), (0, None));
    let source =
        |key: &str| loaded.effective.iter().find(|line| line.key == key).unwrap().source.clone();
    assert_eq!(source("server.workers"), "the flag --workers");
    assert_eq!(source("log.filter"), "the variable PACELINE_LOG__FILTER");
    assert_eq!(source("database.url"), file.display().to_string());
    assert_eq!(source("strava.client_id"), "default");
}

#[test]
fn an_invalid_value_names_its_key_its_source_and_the_expected_value() {
    let wrong = |name, value| {
        error_text(defaults().environment(&variables(&[(name, value)])).unwrap().load::<All>())
    };

    let error = wrong("PACELINE_SERVER__WORKERS", "many");
    for part in ["server.workers", "the variable PACELINE_SERVER__WORKERS", "integer"] {
        assert!(error.contains(part), "{error}");
    }
    let error = wrong("FRONTEND_URL", "not an address");
    for part in
        ["server.frontend_url", "the variable FRONTEND_URL", "must begin with http:// or https://"]
    {
        assert!(error.contains(part), "{error}");
    }

    let folder = TempDir::new().unwrap();
    let file = write_file(&folder, "paceline.toml", "[strava]\nclient_id = \"twelve\"\n", 0o644);
    let error = error_text(defaults().file(&file).unwrap().load::<All>());
    for part in ["strava.client_id", "paceline.toml", "integer"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn an_error_repeats_neither_its_key_nor_its_cause() {
    let environment = variables(&[("FRONTEND_URL", "localhost")]);
    let error = error_text(defaults().environment(&environment).unwrap().load::<All>());
    assert_eq!(error.matches("server.frontend_url").count(), 1, "{error}");

    let missing = defaults().file(&PathBuf::from("/nowhere/paceline.toml")).unwrap_err();
    let cause = missing.source().unwrap().to_string();
    assert!(!missing.to_string().contains(&cause), "{missing}");
}

#[test]
fn an_unknown_key_is_an_error_that_says_what_may_be_meant() {
    let error =
        error_text(defaults().environment(&variables(&[("PACELINE_STRAVA__CLIENT_SECRETE", "x")])));
    for part in [
        "PACELINE_STRAVA__CLIENT_SECRETE",
        "strava.client_secrete",
        "strava.client_secret may be meant",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let folder = TempDir::new().unwrap();
    let file = write_file(&folder, "paceline.toml", "[sever]\nworkers = 1\n", 0o644);
    let error = error_text(defaults().file(&file));
    assert!(
        error.contains("sever.workers") && error.contains("server.workers may be meant"),
        "{error}"
    );
    let error = error_text(defaults().file(&write_file(&folder, "bad.toml", "= 1", 0o644)));
    assert!(error.contains("bad.toml") && error.contains("not TOML"), "{error}");
    assert!(defaults().environment(&variables(&[("PACELINE_TEST_KAFKA", "127.0.0.1:1")])).is_ok());
}

#[test]
fn a_secret_comes_from_its_file_if_not_everybody_may_read_that() {
    let folder = TempDir::new().unwrap();
    let private = write_file(&folder, "secret", "sim-secret\n", 0o600);
    let world_readable = write_file(&folder, "open", "sim-secret\n", 0o644);

    for name in ["PACELINE_STRAVA__CLIENT_SECRET_FILE", "STRAVA_CLIENT_SECRET_FILE"] {
        let load_with =
            |path: &PathBuf| defaults().environment(&variables(&[(name, path.to_str().unwrap())]));
        let loaded = load_with(&private).unwrap().load::<All>().unwrap();
        assert_eq!(loaded.settings.strava.client_secret.expose_secret(), "sim-secret");
        let line = loaded.effective.iter().find(|line| line.key == "strava.client_secret").unwrap();
        assert_eq!(line.value, "***");
        assert!(line.source.contains(name), "{}", line.source);
        let error = error_text(load_with(&world_readable));
        assert!(error.contains(name) && error.contains("chmod 600"), "{error}");
        assert!(error_text(load_with(&folder.path().join("none"))).contains("cannot be read"));
    }
    let allowed = variables(&[
        ("PACELINE_ALLOW_WORLD_READABLE_SECRETS", "true"),
        ("PACELINE_STRAVA__CLIENT_SECRET_FILE", world_readable.to_str().unwrap()),
    ]);
    assert!(defaults().environment(&allowed).is_ok());

    let text = format!("[strava]\nclient_secret_file = {:?}\n", private.display().to_string());
    let loaded = defaults()
        .file(&write_file(&folder, "s.toml", &text, 0o644))
        .unwrap()
        .load::<All>()
        .unwrap();
    assert_eq!(loaded.settings.strava.client_secret.expose_secret(), "sim-secret");
}

#[test]
fn the_predecessors_names_work_and_ours_win() {
    let environment = variables(&[
        ("STRAVA_CLIENT_ID", "7"),
        ("STRAVA_CLIENT_SECRET", "theirs"),
        ("PACELINE_STRAVA__CLIENT_SECRET", "ours"),
        ("INTERNAL_API_KEY", "key"),
        ("DATABASE_URL", "mysql://root:hunter2@db:3306/"),
        ("FRONTEND_URL", "https://vuhnger.dev"),
    ]);

    let loaded = defaults().environment(&environment).unwrap().load::<All>().unwrap();

    let all = &loaded.settings;
    assert_eq!((all.strava.client_id, all.strava.client_secret.expose_secret()), (7, "ours"));
    assert_eq!(all.ingest.refresh_api_key.expose_secret(), "key");
    assert_eq!(all.server.frontend_url.as_ref().unwrap().as_str(), "https://vuhnger.dev/");
}

#[test]
fn no_secret_is_ever_shown() {
    let environment = variables(&[
        ("STRAVA_CLIENT_SECRET", "hunter2"),
        ("INTERNAL_API_KEY", "hunter2"),
        ("DATABASE_URL", "mysql://root:hunter2@db:3306/"),
    ]);

    let loaded = defaults().environment(&environment).unwrap().load::<All>().unwrap();

    let shown = format!("{:?}", loaded.effective);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("mysql://root:***@db:3306/"), "{shown}");
    assert!(!format!("{:?}", loaded.settings.strava).contains("hunter2"));
}
