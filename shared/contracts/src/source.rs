//! The source that a message names, also one written before messages had fields for it.

use kernel::{ApplicationId, InvalidSource, SourceKey, StravaActivityId};

use crate::{activities, journal};

impl activities::ActivityChanged {
    /// Returns the leading source; none if the message names none.
    pub fn source_key(&self) -> Result<Option<SourceKey>, InvalidSource> {
        parse(&self.source, &self.source_id, self.application, self.strava_activity)
    }
}

impl journal::JournalEntry {
    /// Returns the source; none if the message names none.
    pub fn source_key(&self) -> Result<Option<SourceKey>, InvalidSource> {
        parse(&self.source, &self.source_id, self.application, self.strava_activity)
    }
}

/// Returns the application and the activity's id at Strava; zeros for a file. For the fields that
/// older consumers read.
pub fn strava_ids(key: &SourceKey) -> (i64, i64) {
    let ids = key.source.application().zip(key.strava_activity());
    ids.map_or((0, 0), |(application, activity)| (application.get(), activity.get()))
}

fn parse(
    source: &str,
    source_id: &str,
    application: i64,
    strava_activity: i64,
) -> Result<Option<SourceKey>, InvalidSource> {
    match (source, strava_activity) {
        ("", 0) => Ok(None),
        ("", activity) => {
            let application = ApplicationId::new(application);
            Ok(Some(SourceKey::strava(application, StravaActivityId::new(activity))))
        }
        _ => SourceKey::parse(source, source_id).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activities::ActivityChanged;

    #[test]
    fn a_message_from_before_names_its_source_by_stravas_ids() {
        let before =
            ActivityChanged { application: 12, strava_activity: 34, ..ActivityChanged::default() };

        let key = before.source_key().unwrap().unwrap();

        assert_eq!(key.to_string(), "strava:12/34");
        assert_eq!(strava_ids(&key), (12, 34));
    }

    #[test]
    fn the_source_of_a_message_outranks_stravas_ids() {
        let file = ActivityChanged {
            source: "file".to_owned(),
            source_id: "ab".repeat(32),
            ..ActivityChanged::default()
        };

        let key = file.source_key().unwrap().unwrap();

        assert_eq!((key.source, strava_ids(&key)), (kernel::Source::File, (0, 0)));
        assert_eq!(ActivityChanged::default().source_key(), Ok(None));
        let odd = ActivityChanged { source: "garmin:1".to_owned(), ..file };
        assert!(odd.source_key().is_err());
    }
}
