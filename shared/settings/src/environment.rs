//! `PACELINE_<SECTION>__<KEY>`, its `_FILE` twin, and the predecessor's names.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::SettingsError;

/// The predecessor's variable names and what they mean here.
pub const ALIASES: [(&str, &str); 7] = [
    ("STRAVA_CLIENT_ID", "strava.client_id"),
    ("STRAVA_CLIENT_SECRET", "strava.client_secret"),
    ("STRAVA_REDIRECT_URI", "strava.redirect_uri"),
    ("FRONTEND_URL", "server.frontend_url"),
    ("INTERNAL_API_KEY", "ingest.api_key"),
    ("DATABASE_URL", "database.url"),
    ("LOG_LEVEL", "log.filter"),
];

const PREFIX: &str = "PACELINE_";
const FILE: &str = "_FILE";

/// The settings that the environment holds: key, value, and the variable it came from. Tests' own
/// variables (`PACELINE_TEST_…`) are none.
pub(crate) fn read(
    variables: &BTreeMap<String, String>,
) -> Result<Vec<(String, String, String)>, SettingsError> {
    let mut found = Vec::new();
    for (variable, key) in ALIASES {
        for name in [variable.to_owned(), format!("{variable}{FILE}")] {
            if let Some(value) = variables.get(&name) {
                found.push((key.to_owned(), content(&name, value)?, name));
            }
        }
    }
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix(PREFIX).filter(|rest| !rest.starts_with("TEST_")) else {
            continue;
        };
        let key = rest.strip_suffix(FILE).unwrap_or(rest);
        found.push((key.to_lowercase().replace("__", "."), content(name, value)?, name.clone()));
    }
    Ok(found)
}

fn content(variable: &str, value: &str) -> Result<String, SettingsError> {
    if !variable.ends_with(FILE) {
        return Ok(value.to_owned());
    }
    let path = PathBuf::from(value);
    let fault = |source| SettingsError::SecretFile {
        variable: variable.to_owned(),
        path: path.clone(),
        source,
    };
    let mode = std::fs::metadata(&path).map_err(fault)?.permissions().mode();
    if mode & 0o004 != 0 {
        return Err(SettingsError::SecretFileOpen { variable: variable.to_owned(), path });
    }
    Ok(std::fs::read_to_string(&path).map_err(fault)?.trim_end().to_owned())
}
