//! A copy of one activity under one link: its source, its state, and its upload.

use contracts::Origin;
use kernel::{ActivityId, AthleteId, CopyId, LinkId, SourceKey, StravaActivityId, Timestamp};

use super::external_id::external_id;
use super::reason;

/// Maximum number of characters kept of Strava's error text.
const MAX_DETAIL_CHARS: usize = 500;

/// State of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CopyState {
    /// To be sent, or waiting for what its reason says.
    Planned,
    /// About to be sent, or sent without an answer: searched for before it is sent again.
    Sending,
    /// Received by Strava, which has not decided yet.
    Processing,
    /// Present in the child's account.
    Done,
    /// Given up.
    Failed,
    /// Never sent, and not to be sent unless its source changes.
    Skipped,
}

impl CopyState {
    const ALL: [Self; 6] =
        [Self::Planned, Self::Sending, Self::Processing, Self::Done, Self::Failed, Self::Skipped];
    /// States in which a job still works on the copy.
    pub(crate) const OPEN: [Self; 3] = [Self::Planned, Self::Sending, Self::Processing];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Processing => "processing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Returns true if no upload was ever attempted in this state.
    pub(crate) const fn is_unsent(self) -> bool {
        matches!(self, Self::Planned | Self::Skipped)
    }

    /// Returns true if no job works on the copy any more.
    pub(crate) fn is_final(self) -> bool {
        !Self::OPEN.contains(&self)
    }
}

/// The guardian's activity as its newest usable revision describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopySource {
    pub(crate) revision: i64,
    pub(crate) name: String,
    pub(crate) sport: String,
    pub(crate) start_at: Timestamp,
    pub(crate) distance_dm: i64,
    pub(crate) trainer: bool,
    pub(crate) commute: bool,
    pub(crate) streams_key: String,
    pub(crate) origins: Vec<Origin>,
}

/// A copy; unique for each link and source activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) id: CopyId,
    pub(crate) link: LinkId,
    pub(crate) activity: ActivityId,
    pub(crate) guardian: AthleteId,
    pub(crate) child: AthleteId,
    pub(crate) state: CopyState,
    /// Code from [`super::reason`], or a refusal code of the lease service.
    pub(crate) reason: String,
    /// Strava's error text, if it refused the upload.
    pub(crate) detail: String,
    pub(crate) revision: i64,
    pub(crate) source: CopySource,
    /// The child's connection it is uploaded through.
    pub(crate) target: Option<Origin>,
    /// Strava's id of the upload.
    pub(crate) upload: Option<i64>,
    /// The activity made in the child's account.
    pub(crate) made: Option<SourceKey>,
    /// True if the child's list must be searched before the first upload.
    pub(crate) must_search: bool,
    /// Number of searches of the child's list since the last upload.
    pub(crate) searches: i64,
    /// Number of uploads.
    pub(crate) uploads: i64,
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) source_changed_at: Option<Timestamp>,
    pub(crate) source_removed_at: Option<Timestamp>,
    pub(crate) traceparent: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Copy {
    /// Returns the `external_id` of the upload, by which it is found again.
    pub(crate) fn external_id(&self) -> String {
        external_id(self.link, self.activity)
    }

    /// Returns true if the athlete may read it. A skipped copy is hidden from the child: it never
    /// reached them, and may be private or no longer name them.
    pub(crate) fn is_shown_to(&self, athlete: AthleteId) -> bool {
        athlete == self.guardian || (athlete == self.child && self.state != CopyState::Skipped)
    }

    pub(crate) fn set_state(&mut self, state: CopyState, reason: &str) {
        self.state = state;
        reason.clone_into(&mut self.reason);
    }

    /// Clears what came from the guardian's account; one that was not sent is given up.
    pub(crate) fn clear_source(&mut self) {
        self.source.name.clear();
        self.source.sport.clear();
        self.source.streams_key.clear();
        self.source.distance_dm = 0;
        self.source.origins.clear();
        self.detail.clear();
        if self.state == CopyState::Planned {
            self.set_state(CopyState::Skipped, reason::SOURCE_WITHDRAWN);
        }
    }

    /// Records that the upload made an activity, or that Strava named the one it repeats.
    pub(crate) fn set_uploaded(&mut self, activity: StravaActivityId, reason: &str) {
        let made = self.target.map(|target| SourceKey::strava(target.application, activity));
        self.set_done(made, reason);
    }

    /// Records that the activity is in the child's account.
    pub(crate) fn set_done(&mut self, made: Option<SourceKey>, reason: &str) {
        self.made = made;
        self.set_state(CopyState::Done, reason);
    }

    /// Records that Strava refused the upload, with its error text.
    pub(crate) fn set_refused(&mut self, error: &str) {
        self.set_state(CopyState::Failed, reason::REFUSED);
        self.detail = strip_markup(error);
    }
}

/// Returns the text without markup and control characters, shortened.
fn strip_markup(error: &str) -> String {
    let mut in_tag = false;
    let text = error.chars().filter(|character| match character {
        '<' => {
            in_tag = true;
            false
        }
        '>' if in_tag => {
            in_tag = false;
            false
        }
        _ => !in_tag && !character.is_control(),
    });
    text.take(MAX_DETAIL_CHARS).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_reads_words_and_no_markup() {
        assert_eq!(
            strip_markup("The upload <b>appears</b>\n to be malformed"),
            "The upload appears to be malformed"
        );
        assert_eq!(strip_markup(&"x".repeat(900)).len(), 500);
    }
}
