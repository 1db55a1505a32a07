//! Merges the layers, keeps the source of each value, and deserializes the result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::ConfigError;
use serde::de::DeserializeOwned;
use toml::Value;

use crate::{SettingsError, environment, redact};

/// The layers, lowest first.
#[derive(Debug)]
pub struct Loader {
    values: BTreeMap<String, SourcedValue>,
    allow_world_readable: bool,
}

#[derive(Debug)]
struct SourcedValue {
    value: Value,
    source: String,
}

/// Settings, and the source of each value.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The settings.
    pub settings: T,
    /// Every value with its source, redacted.
    pub effective: Vec<EffectiveSetting>,
}

/// A value in effect, redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// Section and key.
    pub key: String,
    /// The value; `***` for secrets.
    pub value: String,
    /// `default`, a file, a variable or a flag.
    pub source: String,
}

impl Loader {
    /// Starts with the defaults (TOML), which define all keys.
    pub fn new(defaults: &str) -> Result<Self, SettingsError> {
        let table: toml::Table =
            toml::from_str(defaults).map_err(|error| SettingsError::Defaults(error.to_string()))?;
        let mut values = BTreeMap::new();
        flatten("", &table, &mut |key, value| {
            values.insert(key, SourcedValue { value, source: "default".to_owned() });
        });
        Ok(Self { values, allow_world_readable: false })
    }

    /// Allows secret files to be world-readable.
    #[must_use]
    pub fn allow_world_readable_secrets(mut self) -> Self {
        self.allow_world_readable = true;
        self
    }

    /// Adds a settings file. It may name the file of a secret: `client_secret_file`.
    pub fn file(mut self, path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::File { path: path.to_owned(), source })?;
        let table: toml::Table = toml::from_str(&text).map_err(|error| SettingsError::Toml {
            path: path.to_owned(),
            message: describe_without_text(&text, &error),
        })?;
        let mut settings = Vec::new();
        flatten("", &table, &mut |key, value| settings.push((key, value)));
        for (key, value) in settings {
            self.set(key, value, path.display().to_string())?;
        }
        Ok(self)
    }

    /// Adds environment variables.
    pub fn environment(
        mut self,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, SettingsError> {
        self.allow_world_readable |= environment::allows_world_readable_secrets(variables);
        for setting in environment::read_variables(variables) {
            let source = format!("the variable {}", setting.variable);
            self.set(setting.key, Value::String(setting.value), source)?;
        }
        Ok(self)
    }

    /// Adds the environment variables of this process.
    pub fn process_environment(self) -> Result<Self, SettingsError> {
        self.environment(&std::env::vars().collect())
    }

    /// Adds a command-line flag, if it was given.
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
        if let Some(secret_key) = self.secret_key(&key) {
            let path = PathBuf::from(to_text(&value));
            let secret = environment::read_secret(&source, &path, self.allow_world_readable)?;
            let source = format!("{} by way of {source}", path.display());
            let value = Value::String(secret);
            self.values.insert(secret_key.to_owned(), SourcedValue { value, source });
            return Ok(());
        }
        if !self.values.contains_key(&key) {
            let nearest = self.nearest_key(&key);
            return Err(SettingsError::Unknown { key, source_name: source, nearest });
        }
        self.values.insert(key, SourcedValue { value, source });
        Ok(())
    }

    /// Returns the key of the secret whose file is named by this key, unless this key exists itself.
    fn secret_key<'k>(&self, key: &'k str) -> Option<&'k str> {
        let secret_key = key.strip_suffix("_file")?;
        let names_a_file = !self.values.contains_key(key) && self.values.contains_key(secret_key);
        names_a_file.then_some(secret_key)
    }

    fn nearest_key(&self, key: &str) -> Option<String> {
        let (distance, nearest) =
            self.values.keys().map(|known| (distance(key, known), known)).min()?;
        (distance <= 4).then(|| nearest.clone())
    }

    /// Checks every value that is set; the rule says of a key and a value what the value should be.
    pub fn check(
        self,
        rule: impl Fn(&str, &str) -> Result<(), String>,
    ) -> Result<Self, SettingsError> {
        for (key, SourcedValue { value, source }) in &self.values {
            let text = to_text(value);
            if text.is_empty() {
                continue;
            }
            rule(key, &text).map_err(|message| SettingsError::Invalid {
                key: key.clone(),
                source_name: source.clone(),
                message,
            })?;
        }
        Ok(self)
    }

    /// Deserializes the settings.
    pub fn load<T: DeserializeOwned>(self) -> Result<Loaded<T>, SettingsError> {
        let effective = self
            .values
            .iter()
            .map(|(key, SourcedValue { value, source })| EffectiveSetting {
                key: key.clone(),
                value: redact::redact_value(key, &to_text(value)),
                source: source.clone(),
            })
            .collect();
        let mut builder = config::Config::builder();
        // An empty text is a setting that is not set: the type's own default applies.
        let set = self.values.iter().filter(|(_, set)| !to_text(&set.value).is_empty());
        for (key, SourcedValue { value, .. }) in set {
            builder = builder
                .set_override(key, to_config_value(value))
                .map_err(|error| self.to_settings_error(&error))?;
        }
        let built = builder.build().map_err(|error| self.to_settings_error(&error))?;
        let settings = built.try_deserialize().map_err(|error| self.to_settings_error(&error))?;
        Ok(Loaded { settings, effective })
    }

    /// Converts an error of the deserializer: finds its key, and the source of the key's value.
    fn to_settings_error(&self, error: &ConfigError) -> SettingsError {
        let key = match error {
            ConfigError::Type { key: Some(key), .. } | ConfigError::At { key: Some(key), .. } => {
                key.clone()
            }
            other => {
                let text = other.to_string();
                let mentioned = self.values.keys().filter(|key| text.contains(key.as_str()));
                mentioned.max_by_key(|key| key.len()).cloned().unwrap_or_default()
            }
        };
        let source_name = self
            .values
            .get(&key)
            .map_or_else(|| "the settings".to_owned(), |set| set.source.clone());
        let message = describe_expected(&key, error);
        SettingsError::Invalid { key, source_name, message }
    }
}

/// Describes the expected value, without repeating its key.
fn describe_expected(key: &str, error: &ConfigError) -> String {
    match error {
        ConfigError::At { error, .. } => describe_expected(key, error),
        ConfigError::Type { unexpected, expected, .. } => {
            format!("{unexpected}, expected {expected}")
        }
        other => {
            let text = other.to_string();
            match text.strip_prefix("relative URL without a base: ") {
                Some(value) if key.starts_with("database.") => {
                    format!("the URL {value} must begin with mysql://")
                }
                Some(value) => format!("the URL {value} must begin with http:// or https://"),
                None => text,
            }
        }
    }
}

/// Returns the parser's message with its line and column, without the text: a secret may stand there.
fn describe_without_text(text: &str, error: &toml::de::Error) -> String {
    let start = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.as_bytes().get(..start).unwrap_or_default();
    let line = before.split(|byte| *byte == b'\n').count();
    let column = before.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
    format!("line {line}, column {column}: {}", error.message())
}

fn flatten(prefix: &str, table: &toml::Table, visit: &mut impl FnMut(String, Value)) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => flatten(&key, inner, visit),
            other => visit(key, other.clone()),
        }
    }
}

fn to_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // Lists are written with commas everywhere else.
        Value::Array(items) => items.iter().map(to_text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn to_config_value(value: &Value) -> config::Value {
    let kind = match value {
        Value::Integer(number) => config::ValueKind::I64(*number),
        Value::Float(number) => config::ValueKind::Float(*number),
        Value::Boolean(yes) => config::ValueKind::Boolean(*yes),
        Value::Array(items) => {
            config::ValueKind::Array(items.iter().map(to_config_value).collect())
        }
        other => config::ValueKind::String(to_text(other)),
    };
    config::Value::new(None, kind)
}

/// Returns the Levenshtein distance of two words.
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
