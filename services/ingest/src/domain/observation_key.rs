//! The key of an observation, and what is named by it.

use kernel::{ApplicationId, AthleteId, Generation, Source, SourceId, SourceKey, StravaActivityId};

/// Key of an observation: an activity of an athlete as one source knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObservationKey {
    pub(crate) athlete: AthleteId,
    pub(crate) source: Source,
    pub(crate) source_id: SourceId,
}

impl ObservationKey {
    /// Returns the key of an activity at Strava.
    pub(crate) fn strava(
        athlete: AthleteId,
        application: ApplicationId,
        activity: StravaActivityId,
    ) -> Self {
        Self { athlete, source: Source::Strava(application), source_id: activity.into() }
    }

    /// Returns the key without the athlete.
    pub(crate) fn source_key(&self) -> SourceKey {
        SourceKey { source: self.source, source_id: self.source_id.clone() }
    }

    /// Returns the folder of the streams objects of a connection's answers; a file has none.
    pub(crate) fn streams_prefix(&self, generation: Generation) -> Option<String> {
        let (athlete, id) = (self.athlete, &self.source_id);
        let application = self.source.application()?;
        Some(format!("athletes/{athlete}/strava/{application}/{generation}/{id}"))
    }

    /// Returns the subject of the job that reads the source.
    pub(crate) fn subject(&self) -> String {
        format!("{}/{}", self.athlete, self.source_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_file_of_two_athletes_is_two_subjects() {
        let [mine, other] = [1, 2].map(|athlete| ObservationKey {
            athlete: AthleteId::from_uuid(uuid::Uuid::from_u128(athlete)),
            source: Source::File,
            source_id: SourceId::new("5f1c").unwrap(),
        });

        assert_ne!(mine.subject(), other.subject());
    }
}
