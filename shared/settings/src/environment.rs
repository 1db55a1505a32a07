//! `PACELINE_<SECTION>__<KEY>`, its `_FILE` twin, and the predecessor's names.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::SettingsError;

/// The predecessor's variable names and what they mean here.
pub const ALIASES: [(&str, &str); 7] = [
    ("STRAVA_CLIENT_ID", "strava.client_id"),
    ("STRAVA_CLIENT_SECRET", "strava.client_secret"),
    ("STRAVA_REDIRECT_URI", "strava.redirect_uri"),
    ("FRONTEND_URL", "server.frontend_url"),
    ("INTERNAL_API_KEY", "ingest.refresh_api_key"),
    ("ENCRYPTION_KEY", "token.encryption_key"),
    ("DATABASE_URL", "database.url"),
];

const PREFIX: &str = "PACELINE_";
const OPEN_SECRETS: &str = "ALLOW_WORLD_READABLE_SECRETS";

/// The settings that the environment holds: key, value, and the variable it came from. Names that
/// are ours but no settings (`PACELINE_TEST_…`) are left out.
pub(crate) fn read(variables: &BTreeMap<String, String>) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (variable, key) in ALIASES {
        for (name, key) in [
            (variable.to_owned(), key.to_owned()),
            (format!("{variable}_FILE"), format!("{key}_file")),
        ] {
            if let Some(value) = variables.get(&name) {
                found.push((key, value.clone(), name));
            }
        }
    }
    for (name, value) in variables {
        if let Some(rest) = name
            .strip_prefix(PREFIX)
            .filter(|rest| !rest.starts_with("TEST_") && *rest != OPEN_SECRETS)
        {
            found.push((rest.to_lowercase().replace("__", "."), value.clone(), name.clone()));
        }
    }
    found
}

/// Whether files with secrets may be readable by everybody (a volume that knows no modes).
pub(crate) fn allows_open_secrets(variables: &BTreeMap<String, String>) -> bool {
    variables
        .get(&format!("{PREFIX}{OPEN_SECRETS}"))
        .is_some_and(|value| value == "true" || value == "1")
}

/// What a secret's file holds.
pub(crate) fn secret(
    source: &str,
    path: &Path,
    may_be_open: bool,
) -> Result<String, SettingsError> {
    let fault = |fault| SettingsError::SecretFile {
        source_name: source.to_owned(),
        path: path.to_owned(),
        source: fault,
    };
    let mode = std::fs::metadata(path).map_err(fault)?.permissions().mode();
    if mode & 0o004 != 0 && !may_be_open {
        return Err(SettingsError::SecretFileOpen {
            source_name: source.to_owned(),
            path: path.to_owned(),
        });
    }
    Ok(std::fs::read_to_string(path).map_err(fault)?.trim_end().to_owned())
}
