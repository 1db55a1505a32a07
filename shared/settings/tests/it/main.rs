//! Settings as people meet them: layered, checked, and shown without their secrets.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use settings::{Loader, SettingsError};

const DEFAULTS: &str = "[server]\nlisten = \"127.0.0.1:8080\"\nworkers = 2\n[strava]\nclient_secret = \"\"\nurl = \"https://www.strava.com/\"\n[database]\nurl = \"\"\n";

#[derive(Debug, Deserialize)]
struct Settings {
    server: Server,
    strava: Strava,
}

#[derive(Debug, Deserialize)]
struct Server {
    listen: std::net::SocketAddr,
    workers: usize,
}

#[derive(Debug, Deserialize)]
struct Strava {
    client_secret: SecretString,
}

fn variables(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_flag_outranks_the_environment_and_that_the_file_and_that_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paceline.toml");
    std::fs::write(&file, "[server]\nlisten = \"127.0.0.1:1\"\nworkers = 3\n").unwrap();
    let environment = variables(&[("PACELINE_SERVER__LISTEN", "127.0.0.1:2")]);

    let loaded = Loader::new(DEFAULTS)
        .unwrap()
        .file(&file)
        .unwrap()
        .environment(&environment)
        .unwrap()
        .flag("--listen", "server.listen", Some("127.0.0.1:3".into()))
        .unwrap()
        .load::<Settings>()
        .unwrap();

    assert_eq!((loaded.settings.server.listen.port(), loaded.settings.server.workers), (3, 3));
    assert_eq!(
        loaded.lines.iter().find(|line| line.key == "server.listen").unwrap().source,
        "the flag --listen"
    );
}

#[test]
fn a_secret_is_read_from_its_file_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "sesame\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let environment = variables(&[
        ("PACELINE_STRAVA__CLIENT_SECRET_FILE", file.to_str().unwrap()),
        ("PACELINE_DATABASE__URL", "mysql://paceline:hunter2@127.0.0.1/"),
    ]);

    let loaded = Loader::new(DEFAULTS)
        .unwrap()
        .environment(&environment)
        .unwrap()
        .load::<Settings>()
        .unwrap();

    assert_eq!(loaded.settings.strava.client_secret.expose_secret(), "sesame");
    let shown = format!("{:?}{:?}", loaded.lines, loaded.settings);
    assert!(!shown.contains("sesame") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_secret_file_that_everybody_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "sesame\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let environment = variables(&[("STRAVA_CLIENT_SECRET_FILE", file.to_str().unwrap())]);

    let refused = Loader::new(DEFAULTS).unwrap().environment(&environment).unwrap_err();

    assert!(matches!(refused, SettingsError::SecretFileOpen { .. }), "{refused}");
}

#[test]
fn a_wrong_setting_names_the_key_where_it_came_from_and_what_it_should_be() {
    let environment = variables(&[("PACELINE_SERVER__WORKERS", "many")]);

    let refused = Loader::new(DEFAULTS)
        .unwrap()
        .environment(&environment)
        .unwrap()
        .load::<Settings>()
        .unwrap_err();

    let said = refused.to_string();
    assert!(said.contains("PACELINE_SERVER__WORKERS") && said.contains("server.workers"), "{said}");
    assert!(said.contains("integer"), "{said}");
}

#[test]
fn a_setting_nobody_knows_is_refused_with_the_one_that_may_be_meant() {
    let environment = variables(&[("PACELINE_SERVER__LISTENN", "127.0.0.1:1")]);

    let refused = Loader::new(DEFAULTS).unwrap().environment(&environment).unwrap_err();

    assert!(refused.to_string().contains("server.listen may be meant"), "{refused}");
}

#[test]
fn the_predecessors_names_still_work() {
    let environment = variables(&[("STRAVA_CLIENT_SECRET", "old name"), ("PATH", "/bin")]);

    let loaded = Loader::new(DEFAULTS)
        .unwrap()
        .environment(&environment)
        .unwrap()
        .load::<Settings>()
        .unwrap();

    assert_eq!(loaded.settings.strava.client_secret.expose_secret(), "old name");
}
