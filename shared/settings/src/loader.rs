//! Puts the layers together, remembers where each value came from, and reads them into types.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Value;

use crate::{SettingsError, environment, redact};

/// The layers, lowest first.
#[derive(Debug)]
pub struct Loader {
    values: BTreeMap<String, (Value, String)>,
    may_be_open: bool,
}

/// Settings, and where each of their values came from.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The settings.
    pub settings: T,
    /// One line a value, redacted.
    pub effective: Vec<EffectiveSetting>,
}

/// One value, as it may be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// Section and key.
    pub key: String,
    /// The value, secrets as `***`.
    pub value: String,
    /// `default`, a file, a variable or a flag.
    pub source: String,
}

impl Loader {
    /// Starts with the defaults (TOML): they name every key there is.
    pub fn new(defaults: &str) -> Result<Self, SettingsError> {
        let table: toml::Table =
            toml::from_str(defaults).map_err(|error| SettingsError::Defaults(error.to_string()))?;
        let mut values = BTreeMap::new();
        flatten("", &table, &mut |key, value| {
            values.insert(key, (value, "default".to_owned()));
        });
        Ok(Self { values, may_be_open: false })
    }

    /// Takes secrets also from files that everybody may read.
    #[must_use]
    pub fn allow_world_readable_secrets(mut self) -> Self {
        self.may_be_open = true;
        self
    }

    /// Lays a settings file over them. A secret may stand in a file of its own: `client_secret_file`.
    pub fn file(mut self, path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::File { path: path.to_owned(), source })?;
        let table: toml::Table = toml::from_str(&text).map_err(|error| SettingsError::Toml {
            path: PathBuf::from(path),
            message: error.to_string(),
        })?;
        let mut found = Vec::new();
        flatten("", &table, &mut |key, value| found.push((key, value)));
        for (key, value) in found {
            self.set(key, value, path.display().to_string())?;
        }
        Ok(self)
    }

    /// Lays the environment over them.
    pub fn environment(
        mut self,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, SettingsError> {
        self.may_be_open |= environment::allows_open_secrets(variables);
        for (key, value, variable) in environment::read(variables) {
            self.set(key, Value::String(value), format!("the variable {variable}"))?;
        }
        Ok(self)
    }

    /// Lays the environment of this process over them.
    pub fn process_environment(self) -> Result<Self, SettingsError> {
        self.environment(&std::env::vars().collect())
    }

    /// Lays a flag over them, if it was given.
    pub fn flag(
        mut self,
        flag: &str,
        key: &str,
        value: Option<String>,
    ) -> Result<Self, SettingsError> {
        if let Some(value) = value {
            self.set(key.to_owned(), Value::String(value), format!("the flag {flag}"))?;
        }
        Ok(self)
    }

    fn set(&mut self, key: String, value: Value, source: String) -> Result<(), SettingsError> {
        if let Some(meant) = key.strip_suffix("_file").filter(|meant| self.is_behind(&key, meant)) {
            let path = PathBuf::from(text(&value));
            let secret = environment::secret(&source, &path, self.may_be_open)?;
            let source = format!("{} by way of {source}", path.display());
            self.values.insert(meant.to_owned(), (Value::String(secret), source));
            return Ok(());
        }
        if !self.values.contains_key(&key) {
            return Err(SettingsError::Unknown {
                meant: self.nearest(&key),
                key,
                source_name: source,
            });
        }
        self.values.insert(key, (value, source));
        Ok(())
    }

    /// Whether a key is no setting itself but names the file of one.
    fn is_behind(&self, key: &str, meant: &str) -> bool {
        !self.values.contains_key(key) && self.values.contains_key(meant)
    }

    fn nearest(&self, key: &str) -> Option<String> {
        let (distance, nearest) =
            self.values.keys().map(|known| (distance(key, known), known)).min()?;
        (distance <= 4).then(|| nearest.clone())
    }

    /// Reads all into a type.
    pub fn load<T: DeserializeOwned>(self) -> Result<Loaded<T>, SettingsError> {
        let effective = self
            .values
            .iter()
            .map(|(key, (value, source))| EffectiveSetting {
                key: key.clone(),
                value: redact::shown(key, &text(value)),
                source: source.clone(),
            })
            .collect();
        let mut builder = config::Config::builder();
        // An empty text is a setting that is not set: the type's own default stands.
        let set = self.values.iter().filter(|(_, (value, _))| !text(value).is_empty());
        for (key, (value, source)) in set {
            builder =
                builder.set_override(key, plain(value)).map_err(|error| SettingsError::Wrong {
                    key: key.clone(),
                    source_name: source.clone(),
                    message: error.to_string(),
                })?;
        }
        let built = builder.build().map_err(|error| self.blame(&error))?;
        let settings = built.try_deserialize().map_err(|error| self.blame(&error))?;
        Ok(Loaded { settings, effective })
    }

    /// Finds the key that an error speaks of, and says where its value came from.
    fn blame(&self, error: &config::ConfigError) -> SettingsError {
        let key = match error {
            config::ConfigError::Type { key: Some(key), .. }
            | config::ConfigError::At { key: Some(key), .. } => key.clone(),
            other => {
                let said = other.to_string();
                self.values
                    .keys()
                    .filter(|key| said.contains(key.as_str()))
                    .max_by_key(|key| key.len())
                    .cloned()
                    .unwrap_or_default()
            }
        };
        let source = self
            .values
            .get(&key)
            .map_or_else(|| "the settings".to_owned(), |(_, source)| source.clone());
        SettingsError::Wrong { key, source_name: source, message: error.to_string() }
    }
}

fn flatten(prefix: &str, table: &toml::Table, found: &mut impl FnMut(String, Value)) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => flatten(&key, inner, found),
            other => found(key, other.clone()),
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // Lists are written with commas everywhere else.
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn plain(value: &Value) -> config::Value {
    let kind = match value {
        Value::Integer(number) => config::ValueKind::I64(*number),
        Value::Float(number) => config::ValueKind::Float(*number),
        Value::Boolean(yes) => config::ValueKind::Boolean(*yes),
        Value::Array(items) => config::ValueKind::Array(items.iter().map(plain).collect()),
        other => config::ValueKind::String(text(other)),
    };
    config::Value::new(None, kind)
}

/// How many single edits lie between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut previous = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = previous + usize::from(from != *to);
            previous = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(previous + 1);
        }
    }
    row[b.len()]
}
