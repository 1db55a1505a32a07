//! Uploads: the request and its state.

use kernel::StravaActivityId;
use serde::Deserialize;

use super::lenient;

/// A file to upload.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    /// Content of the file.
    pub file: Vec<u8>,
    /// Name of the file.
    pub file_name: String,
    /// File type: `gpx`, `tcx`, `fit`, each also with `.gz`.
    pub data_type: String,
    /// Sport that overrides that of the file.
    pub sport_type: Option<String>,
    /// Title.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Recorded on a trainer.
    pub trainer: bool,
    /// A commute.
    pub commute: bool,
    /// Id to find the activity by; Strava appends the data type.
    pub external_id: Option<String>,
}

/// The state of an upload, as returned by Strava.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UploadStatus {
    /// Id of the upload.
    pub id: i64,
    /// External id; null until processed.
    #[serde(default, deserialize_with = "lenient::text")]
    pub external_id: Option<String>,
    /// Error in English, sometimes with HTML.
    #[serde(default, deserialize_with = "lenient::text")]
    pub error: Option<String>,
    /// State in English.
    #[serde(default, deserialize_with = "lenient::text")]
    pub status: Option<String>,
    /// Id of the created activity.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub activity_id: Option<i64>,
}

/// The outcome of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadOutcome {
    /// Not finished; poll again after a second or more.
    Processing,
    /// Created as this activity.
    Ready(StravaActivityId),
    /// A duplicate of this activity.
    Duplicate(StravaActivityId),
    /// The created activity was deleted.
    Deleted,
    /// Failed, with Strava's error.
    Failed(String),
}

impl UploadStatus {
    /// Returns the outcome, from `error`, then `activity_id`; `status` matters for a deletion only.
    pub fn outcome(&self) -> UploadOutcome {
        if let Some(error) = &self.error {
            return match parse_duplicate_id(error) {
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

/// Parses the duplicated activity out of an error, in both of its wordings. The error also has file and
/// activity names, which may contain anything, even the wording itself.
fn parse_duplicate_id(error: &str) -> Option<StravaActivityId> {
    const MARKER: &str = "duplicate of";
    let rests: Vec<&str> =
        error.match_indices(MARKER).map(|(at, marker)| &error[at + marker.len()..]).collect();
    // A link comes before the activity's name, the plain wording after the file's name.
    let linked = rests.iter().find_map(|rest| {
        rest.trim_start().strip_prefix("<a ").and_then(|rest| number_after(rest, "/activities/"))
    });
    let plain = rests
        .iter()
        .rev()
        .find_map(|rest| rest.strip_prefix(" activity ").and_then(parse_leading_number));
    let loose = || {
        rests.iter().find_map(|rest| {
            number_after(rest, "/activities/").or_else(|| number_after(rest, "activity "))
        })
    };
    linked.or(plain).or_else(loose).map(StravaActivityId::new)
}

/// Returns the number after `mark`, unless a digit precedes the mark.
fn number_after(text: &str, mark: &str) -> Option<i64> {
    let (before, rest) = text.split_once(mark)?;
    if before.contains(|character: char| character.is_ascii_digit()) {
        None
    } else {
        parse_leading_number(rest)
    }
}

fn parse_leading_number(text: &str) -> Option<i64> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_outcome(body: &str) -> UploadOutcome {
        serde_json::from_str::<UploadStatus>(body).unwrap().outcome()
    }

    #[test]
    fn a_duplicate_is_found_in_both_wordings_with_any_names() {
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
            assert_eq!(parse_duplicate_id(error), Some(StravaActivityId::new(activity)), "{error}");
        }
        assert_eq!(parse_duplicate_id("Time information is missing from file."), None);
    }

    #[test]
    fn the_outcome_is_decided_by_the_error_and_the_activity() {
        assert_eq!(
            parse_outcome(
                r#"{"id":1,"external_id":null,"error":null,"status":"Your activity is still being processed.","activity_id":null}"#
            ),
            UploadOutcome::Processing
        );
        assert_eq!(
            parse_outcome(r#"{"id":1,"error":null,"status":"anything","activity_id":16181809559}"#),
            UploadOutcome::Ready(StravaActivityId::new(16181809559))
        );
        assert_eq!(
            parse_outcome(
                r#"{"id":1,"error":null,"status":"The created activity has been deleted.","activity_id":null}"#
            ),
            UploadOutcome::Deleted
        );
        assert!(matches!(
            parse_outcome(r#"{"id":1,"error":"The upload appears to be malformed"}"#),
            UploadOutcome::Failed(_)
        ));
    }
}
