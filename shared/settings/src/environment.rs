//! Settings from environment variables: `PACELINE_<SECTION>__<KEY>`, `…_FILE`, and the predecessor's names.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::SettingsError;

/// The predecessor's variables and the keys they set.
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
const ALLOW_WORLD_READABLE: &str = "ALLOW_WORLD_READABLE_SECRETS";

/// A setting given by a variable.
pub(crate) struct VariableSetting {
    pub(crate) variable: String,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Returns the settings given by variables. `PACELINE_TEST_…` are not settings and left out.
pub(crate) fn read_variables(variables: &BTreeMap<String, String>) -> Vec<VariableSetting> {
    let mut settings = Vec::new();
    for (alias, key) in ALIASES {
        for (variable, key) in
            [(alias.to_owned(), key.to_owned()), (format!("{alias}_FILE"), format!("{key}_file"))]
        {
            if let Some(value) = variables.get(&variable) {
                settings.push(VariableSetting { variable, key, value: value.clone() });
            }
        }
    }
    for (variable, value) in variables {
        if let Some(rest) = variable
            .strip_prefix(PREFIX)
            .filter(|rest| !rest.starts_with("TEST_") && *rest != ALLOW_WORLD_READABLE)
        {
            let key = rest.to_lowercase().replace("__", ".");
            settings.push(VariableSetting {
                variable: variable.clone(),
                key,
                value: value.clone(),
            });
        }
    }
    settings
}

/// Returns true if secret files may be world-readable (on a volume without file modes).
pub(crate) fn allows_world_readable_secrets(variables: &BTreeMap<String, String>) -> bool {
    variables
        .get(&format!("{PREFIX}{ALLOW_WORLD_READABLE}"))
        .is_some_and(|value| value == "true" || value == "1")
}

/// Reads a secret from its file.
pub(crate) fn read_secret(
    source_name: &str,
    path: &Path,
    allow_world_readable: bool,
) -> Result<String, SettingsError> {
    let unreadable = |source| SettingsError::SecretFile {
        source_name: source_name.to_owned(),
        path: path.to_owned(),
        source,
    };
    let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode();
    if mode & 0o004 != 0 && !allow_world_readable {
        return Err(SettingsError::SecretFileWorldReadable {
            source_name: source_name.to_owned(),
            path: path.to_owned(),
        });
    }
    Ok(std::fs::read_to_string(path).map_err(unreadable)?.trim_end().to_owned())
}
