//! An upload: what is sent, and what became of it.

use kernel::StravaActivityId;
use serde::Deserialize;

use super::lenient;

/// A file to send.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    /// Its bytes.
    pub file: Vec<u8>,
    /// Its name.
    pub file_name: String,
    /// `gpx`, `tcx`, `fit`, each also with `.gz`.
    pub data_type: String,
    /// Overrides the file's sport.
    pub sport_type: Option<String>,
    /// The title.
    pub name: Option<String>,
    /// The words under it.
    pub description: Option<String>,
    /// Indoors.
    pub trainer: bool,
    /// On the way to work.
    pub commute: bool,
    /// Ours to find it by again; Strava puts the data type behind it.
    pub external_id: Option<String>,
}

/// What Strava says of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UploadStatus {
    /// Strava's number of the upload.
    pub id: i64,
    /// Null until done.
    #[serde(default, deserialize_with = "lenient::text")]
    pub external_id: Option<String>,
    /// English prose, sometimes with HTML.
    #[serde(default, deserialize_with = "lenient::text")]
    pub error: Option<String>,
    /// English prose.
    #[serde(default, deserialize_with = "lenient::text")]
    pub status: Option<String>,
    /// The activity made of it.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub activity_id: Option<i64>,
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadOutcome {
    /// Ask again, not within a second.
    Processing,
    /// It is this activity.
    Ready(StravaActivityId),
    /// It was there already, as this activity.
    Duplicate(StravaActivityId),
    /// It became an activity, which was deleted.
    Deleted,
    /// It never will be one; Strava's words.
    Failed(String),
}

impl UploadStatus {
    /// Decided by `error`, then by `activity_id`; the words of `status` count for nothing but a deletion.
    pub fn outcome(&self) -> UploadOutcome {
        if let Some(error) = &self.error {
            return match duplicate_of(error) {
                Some(activity) => UploadOutcome::Duplicate(activity),
                None => UploadOutcome::Failed(error.clone()),
            };
        }
        match self.activity_id {
            Some(activity) => UploadOutcome::Ready(StravaActivityId::new(activity)),
            None if self
                .status
                .as_deref()
                .is_some_and(|status| status.contains("has been deleted")) =>
            {
                UploadOutcome::Deleted
            }
            None => UploadOutcome::Processing,
        }
    }
}

/// The activity that an upload duplicates, in both of Strava's wordings. File and activity names
/// stand around it and may hold anything, this very sentence included.
fn duplicate_of(error: &str) -> Option<StravaActivityId> {
    const WORDS: &str = "duplicate of";
    let rests: Vec<&str> =
        error.match_indices(WORDS).map(|(at, words)| &error[at + words.len()..]).collect();
    // A link comes before the activity's name, the plain wording after the file's name.
    let linked = rests.iter().find_map(|rest| {
        rest.trim_start().strip_prefix("<a ").and_then(|rest| after(rest, "/activities/"))
    });
    let plain = rests
        .iter()
        .rev()
        .find_map(|rest| rest.strip_prefix(" activity ").and_then(leading_number));
    let loose = || {
        rests
            .iter()
            .find_map(|rest| after(rest, "/activities/").or_else(|| after(rest, "activity ")))
    };
    linked.or(plain).or_else(loose).map(StravaActivityId::new)
}

/// The number right behind `mark`, if no digit stands before it.
fn after(text: &str, mark: &str) -> Option<i64> {
    let (before, behind) = text.split_once(mark)?;
    if before.contains(|character: char| character.is_ascii_digit()) {
        None
    } else {
        leading_number(behind)
    }
}

fn leading_number(text: &str) -> Option<i64> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(body: &str) -> UploadOutcome {
        serde_json::from_str::<UploadStatus>(body).unwrap().outcome()
    }

    #[test]
    fn a_duplicate_is_found_in_both_wordings_whatever_the_names_say() {
        let cases = [
            ("morning.gpx duplicate of activity 16181809559", 16181809559),
            (
                "2024-10-11 run 5.gpx duplicate of <a href='/activities/17' target='_blank'>Run 12 o'clock</a>",
                17,
            ),
            (
                "a.gpx duplicate of <a href='/activities/18' target='_blank'>duplicate of activity 99</a>",
                18,
            ),
            ("duplicate of activity 1.gpx duplicate of activity 2", 2),
            (
                "x.fit duplicate of <a href=\"https://www.strava.com/activities/9007199254740993\">y</a>",
                9007199254740993,
            ),
        ];
        for (error, activity) in cases {
            assert_eq!(duplicate_of(error), Some(StravaActivityId::new(activity)), "{error}");
        }
        assert_eq!(duplicate_of("Time information is missing from file."), None);
    }

    #[test]
    fn the_outcome_is_decided_by_the_error_and_the_activity() {
        assert_eq!(
            status(
                r#"{"id":1,"external_id":null,"error":null,"status":"Your activity is still being processed.","activity_id":null}"#
            ),
            UploadOutcome::Processing
        );
        assert_eq!(
            status(r#"{"id":1,"error":null,"status":"anything","activity_id":16181809559}"#),
            UploadOutcome::Ready(StravaActivityId::new(16181809559))
        );
        assert_eq!(
            status(
                r#"{"id":1,"error":null,"status":"The created activity has been deleted.","activity_id":null}"#
            ),
            UploadOutcome::Deleted
        );
        assert!(matches!(
            status(r#"{"id":1,"error":"The upload appears to be malformed"}"#),
            UploadOutcome::Failed(_)
        ));
    }
}
