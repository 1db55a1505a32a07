//! Files of settings that nobody would write.

use std::path::{Path, PathBuf};

use paceline::cli::RunOptions;
use paceline::settings::load_settings;

/// What the files of the corpus have for a secret.
const SECRET: &str = "never-to-be-shown";

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/fuzz/settings")
}

/// Loads a file, and returns what the operator is told where it is refused.
fn refusal(file: &Path) -> Option<String> {
    let options = RunOptions { config: Some(file.to_owned()), ..RunOptions::default() };
    let error = load_settings(&options).err()?;
    Some(format!("{:#}", anyhow::Error::from(error)))
}

#[test]
fn no_file_of_settings_stops_the_loader_and_a_refusal_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paceline.toml");
    testkit::fuzz(&corpus(), &[paceline::settings::DEFAULTS.as_bytes().to_vec()], |text| {
        std::fs::write(&file, text).unwrap();
        assert_ne!(refusal(&file).as_deref(), Some(""));
    });
}

#[test]
fn no_refusal_shows_a_secret() {
    let mut refused = 0;
    for file in std::fs::read_dir(corpus()).unwrap() {
        let file = file.unwrap().path();
        let Some(told) = refusal(&file) else { continue };
        assert!(!told.contains(SECRET), "{}: {told}", file.display());
        refused += 1;
    }
    assert!(refused >= 4, "{refused}");
}
