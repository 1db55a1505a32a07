//! A typed value together with the very text it was read from, for whoever keeps the original.

use std::ops::Deref;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A value and its original text.
#[derive(Clone, Debug)]
pub struct Raw<T> {
    /// What we understood.
    pub value: T,
    /// What was said.
    pub raw: Box<RawValue>,
}

impl<T: DeserializeOwned> Raw<T> {
    /// The value in this text.
    pub fn parse(raw: Box<RawValue>) -> Result<Self, serde_json::Error> {
        Ok(Self { value: serde_json::from_str(raw.get())?, raw })
    }
}

impl<T> Deref for Raw<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Raw<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(Box::<RawValue>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
