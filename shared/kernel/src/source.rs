//! Where knowledge about an activity comes from: a Strava application, or a file of the athlete's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ActivityId, ApplicationId, AthleteId, StravaActivityId};

/// A source of observations, written `strava:<application>` or `file`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// Strava, asked through this application.
    Strava(ApplicationId),
    /// A file of the athlete's.
    File,
}

/// The id of an activity within a source: Strava's id, or the content hash of a file. ASCII, at most
/// [`SourceId::MAX_CHARS`] characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceId(String);

/// An activity as one source knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceKey {
    /// The source.
    pub source: Source,
    /// The activity's id within the source.
    pub source_id: SourceId,
}

/// The reason why a text is not a source or an id within one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSource {
    /// Neither `strava:<application>` nor `file`.
    #[error("{0:?} is not a source")]
    Source(String),
    /// Empty, too long, or with characters other than visible ASCII.
    #[error("{0:?} is not an id within a source")]
    Id(String),
}

const STRAVA: &str = "strava:";
const FILE: &str = "file";

impl Source {
    /// Maximum length of the text in characters.
    pub const MAX_CHARS: u32 = 32;

    /// Returns the Strava application; none for a file.
    pub const fn application(self) -> Option<ApplicationId> {
        match self {
            Self::Strava(application) => Some(application),
            Self::File => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strava(application) => write!(f, "{STRAVA}{application}"),
            Self::File => f.write_str(FILE),
        }
    }
}

impl FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let application = text.strip_prefix(STRAVA).map(str::parse);
        match application {
            Some(Ok(application)) => Ok(Self::Strava(application)),
            None if text == FILE => Ok(Self::File),
            _ => Err(InvalidSource::Source(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Source {
    type Error = InvalidSource;

    fn try_from(text: String) -> Result<Self, InvalidSource> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

impl SourceId {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 64;

    /// Checks and wraps an id.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidSource> {
        let text = text.into();
        let is_valid = !text.is_empty()
            && text.len() <= Self::MAX_CHARS
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_valid { Ok(Self(text)) } else { Err(InvalidSource::Id(text)) }
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SourceId {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        Self::new(text)
    }
}

impl TryFrom<String> for SourceId {
    type Error = InvalidSource;

    fn try_from(text: String) -> Result<Self, InvalidSource> {
        Self::new(text)
    }
}

impl From<SourceId> for String {
    fn from(id: SourceId) -> Self {
        id.0
    }
}

impl From<StravaActivityId> for SourceId {
    fn from(activity: StravaActivityId) -> Self {
        Self(activity.to_string())
    }
}

impl SourceKey {
    /// The key of an activity at Strava.
    pub fn strava(application: ApplicationId, activity: StravaActivityId) -> Self {
        Self { source: Source::Strava(application), source_id: activity.into() }
    }

    /// Parses both parts.
    pub fn parse(source: &str, source_id: &str) -> Result<Self, InvalidSource> {
        Ok(Self { source: source.parse()?, source_id: source_id.parse()? })
    }

    /// Returns the id of an athlete's activity that this source is the first to know: always the same (a UUIDv5), so
    /// that an activity keeps its id when the row that names it was lost. Every Strava application knows an activity by
    /// the same id.
    pub fn activity_id(&self, athlete: AthleteId) -> ActivityId {
        let source = if self.source.application().is_some() { "strava" } else { FILE };
        let name = format!("{source}/{}", self.source_id);
        ActivityId::from_uuid(Uuid::new_v5(&athlete.as_uuid(), name.as_bytes()))
    }

    /// Returns Strava's id; none for a file.
    pub fn strava_activity(&self) -> Option<StravaActivityId> {
        self.source.application()?;
        self.source_id.as_str().parse().ok()
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.source_id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_source_survives_being_written_and_read() {
        for (source, text) in
            [(Source::Strava(ApplicationId::new(12_345)), "strava:12345"), (Source::File, "file")]
        {
            assert_eq!(source.to_string(), text);
            assert_eq!(text.parse(), Ok(source));
            assert_eq!(serde_json::to_string(&source).unwrap(), format!("\"{text}\""));
        }
    }

    #[test]
    fn anything_else_is_no_source() {
        for text in ["", "strava", "strava:", "strava:x", "File", "file:1", "garmin:1"] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_activity_has_the_same_id_whenever_it_is_derived_and_whichever_application_knows_it() {
        let [mine, other] = [1, 2].map(|athlete| AthleteId::from_uuid(Uuid::from_u128(athlete)));
        let run = StravaActivityId::new(42);
        let key = SourceKey::strava(ApplicationId::new(1), run);
        let file = SourceKey { source: Source::File, source_id: run.into() };

        // Stored ids depend on it: it never changes.
        let id = key.activity_id(mine);
        assert_eq!(id.to_string(), "6c5d23d8-077d-54a6-8a55-4e5e5111f4a3");
        assert_eq!(SourceKey::strava(ApplicationId::new(2), run).activity_id(mine), id);
        for different in [
            key.activity_id(other),
            file.activity_id(mine),
            SourceKey::strava(ApplicationId::new(1), StravaActivityId::new(43)).activity_id(mine),
        ] {
            assert_ne!(different, id);
        }
    }

    #[test]
    fn an_id_is_short_visible_ascii() {
        assert!(SourceId::new("a".repeat(64)).is_ok());
        for text in [String::new(), "a".repeat(65), "a b".to_owned(), "ä".to_owned()] {
            assert!(SourceId::new(text.clone()).is_err(), "{text}");
        }
    }

    #[test]
    fn only_strava_gives_a_strava_id() {
        let id = StravaActivityId::new(9_007_199_254_740_993);
        let strava = SourceKey::strava(ApplicationId::new(1), id);
        let file = SourceKey { source: Source::File, ..strava.clone() };

        assert_eq!(strava.to_string(), "strava:1/9007199254740993");
        assert_eq!((strava.strava_activity(), file.strava_activity()), (Some(id), None));
    }

    proptest! {
        #[test]
        fn the_longest_source_fits_its_column(application in any::<i64>()) {
            let source = Source::Strava(ApplicationId::new(application));
            prop_assert!(source.to_string().len() <= Source::MAX_CHARS as usize);
            prop_assert_eq!(source.to_string().parse(), Ok(source));
        }
    }
}
