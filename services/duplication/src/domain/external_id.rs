//! Recognition of our uploads among the activities of a child.

use kernel::{ActivityId, LinkId, Timestamp};

/// Prefix of the `external_id` of every upload of ours.
const PREFIX: &str = "paceline-";

/// Start and length of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ActivityExtent {
    pub(crate) start_at: Timestamp,
    pub(crate) distance_dm: i64,
}

/// Returns the `external_id` of a copy: `paceline-<link>-<activity>`.
pub(crate) fn external_id(link: LinkId, activity: ActivityId) -> String {
    format!("{PREFIX}{link}-{activity}")
}

/// Returns true if the `external_id` was given by one of our uploads.
pub(crate) fn is_ours(external_id: &str) -> bool {
    external_id.starts_with(PREFIX)
}

/// Returns true if an `external_id` in the child's list is the one we sent: Strava appends the data type.
pub(crate) fn is_same_id(listed: Option<&str>, sent: &str) -> bool {
    listed
        .and_then(|id| id.strip_prefix(sent))
        .is_some_and(|suffix| suffix.is_empty() || suffix.starts_with('.'))
}

/// Returns true if two activities start in the same second and their lengths differ by at most one
/// hundredth (or 10 m): the same activity, recorded by the child too or uploaded by other means.
pub(crate) fn is_same_activity(ours: ActivityExtent, theirs: ActivityExtent) -> bool {
    let tolerance_dm = (ours.distance_dm / 100).max(100);
    ours.start_at.as_secs() == theirs.start_at.as_secs()
        && (ours.distance_dm - theirs.distance_dm).abs() <= tolerance_dm
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(start_s: i64, distance_dm: i64) -> ActivityExtent {
        ActivityExtent { start_at: Timestamp::from_secs(start_s), distance_dm }
    }

    #[test]
    fn our_external_id_is_recognised_with_and_without_stravas_suffix() {
        assert!(is_same_id(Some("paceline-a-b.gpx"), "paceline-a-b"));
        assert!(is_same_id(Some("paceline-a-b"), "paceline-a-b"));
        assert!(!is_same_id(Some("paceline-a-bc.gpx"), "paceline-a-b"));
        assert!(!is_same_id(None, "paceline-a-b"));
    }

    #[test]
    fn the_same_run_starts_in_the_same_second_and_is_as_long() {
        assert!(is_same_activity(extent(100, 50_000), extent(100, 50_400)));
        assert!(!is_same_activity(extent(100, 50_000), extent(100, 51_000)));
        assert!(!is_same_activity(extent(100, 50_000), extent(101, 50_000)));
        assert!(is_same_activity(extent(100, 0), extent(100, 0)));
    }
}
