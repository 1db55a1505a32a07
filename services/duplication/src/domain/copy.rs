//! A copy: one line of the ledger, unique for each link and source activity.

use contracts::Origin;
use kernel::{
    ActivityId, ApplicationId, AthleteId, CopyId, Generation, LinkId, StravaActivityId, Timestamp,
};

use super::rule::MARK;

/// Why a copy stands where it stands: codes for the ledger, the journal and the API.
pub(crate) mod reason {
    pub(crate) const NONE: &str = "";
    pub(crate) const STREAMS_PENDING: &str = "streams-pending";
    pub(crate) const STREAMS_GONE: &str = "streams-gone";
    pub(crate) const NO_STREAMS: &str = "no-streams";
    pub(crate) const PRIVATE: &str = "private";
    pub(crate) const SOURCE_REMOVED: &str = "source-removed";
    pub(crate) const SOURCE_WITHDRAWN: &str = "source-withdrawn";
    pub(crate) const NOT_MEANT: &str = "no-longer-matches";
    pub(crate) const LINK_ENDED: &str = "link-ended";
    pub(crate) const NOT_CONNECTED: &str = "not-connected";
    pub(crate) const RECONNECT_NEEDED: &str = "reconnect-needed";
    pub(crate) const SCOPE_MISSING: &str = "scope-missing";
    pub(crate) const TOO_LARGE: &str = "too-large";
    pub(crate) const ALREADY_THERE: &str = "already-there";
    pub(crate) const REFUSED: &str = "refused";
    pub(crate) const UNANSWERED: &str = "unanswered";
    pub(crate) const NO_RESULT: &str = "no-result";
    pub(crate) const RATE_LIMITED: &str = "rate-limited";
    pub(crate) const UNAVAILABLE: &str = "unavailable";
    pub(crate) const DELETED: &str = "deleted-at-strava";
    pub(crate) const FOUND: &str = "found-in-list";
}

/// Where a copy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// To be sent, or waiting for what its reason says.
    Planned,
    /// About to be sent, or sent without an answer: nobody may send again before having looked.
    Sending,
    /// Strava has it and works on it.
    Processing,
    /// It is in the child's account.
    Done,
    /// It will not be.
    Failed,
    /// It was never sent, and shall not be as things stand.
    Skipped,
}

impl State {
    const ALL: [Self; 6] =
        [Self::Planned, Self::Sending, Self::Processing, Self::Done, Self::Failed, Self::Skipped];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Processing => "processing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing has left the house yet.
    pub(crate) const fn is_unsent(self) -> bool {
        matches!(self, Self::Planned | Self::Skipped)
    }

    /// Whether there is nothing left to do.
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Skipped)
    }
}

/// What is to be copied, as the newest revision of the source says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
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

/// Into which of the child's connections it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) application: ApplicationId,
    pub(crate) generation: Generation,
}

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) id: CopyId,
    pub(crate) link: LinkId,
    pub(crate) activity: ActivityId,
    pub(crate) guardian: AthleteId,
    pub(crate) child: AthleteId,
    pub(crate) state: State,
    pub(crate) reason: String,
    /// Strava's own words, where it refused.
    pub(crate) detail: String,
    pub(crate) revision: i64,
    pub(crate) source: Source,
    pub(crate) target: Option<Target>,
    pub(crate) upload: Option<i64>,
    pub(crate) strava_activity: Option<StravaActivityId>,
    /// Whether the child's list must be read before the first sending.
    pub(crate) must_look: bool,
    /// How often the list was read since the last sending.
    pub(crate) looks: i64,
    /// How often it was sent.
    pub(crate) sends: i64,
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) source_changed_at: Option<Timestamp>,
    pub(crate) source_removed_at: Option<Timestamp>,
    pub(crate) traceparent: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Copy {
    /// The mark the upload bears, by which it is found again.
    pub(crate) fn external_id(&self) -> String {
        external_id(self.link, self.activity)
    }

    /// Whether an athlete may read it. What is skipped never reached the child and is not on its way:
    /// it may be private, or no longer name the child.
    pub(crate) fn is_shown_to(&self, athlete: AthleteId) -> bool {
        athlete == self.guardian || (athlete == self.child && self.state != State::Skipped)
    }

    /// Moves on to a state, for a reason.
    pub(crate) fn stand(&mut self, state: State, reason: &str) {
        self.state = state;
        reason.clone_into(&mut self.reason);
    }

    /// It is in the child's account.
    pub(crate) fn arrived(&mut self, activity: StravaActivityId, reason: &str) {
        self.strava_activity = Some(activity);
        self.stand(State::Done, reason);
    }
}

/// `paceline-<link>-<activity>`
pub(crate) fn external_id(link: LinkId, activity: ActivityId) -> String {
    format!("{MARK}{link}-{activity}")
}
