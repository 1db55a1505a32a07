//! Settings, each with a default that fits.

use std::time::Duration;

use serde::Deserialize;

/// Name of the service, its database and its settings section.
pub(crate) const NAME: &str = "duplication";

/// The section `[duplication]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Number of copies worked on at once.
    pub workers: usize,
    /// Number of events handled at once.
    pub lanes: usize,
    /// Maximum number of links of one guardian.
    pub max_links: u64,
    /// Maximum number of open invitations of one athlete.
    pub max_invitations: u64,
    /// Days for which an invitation can be redeemed.
    pub invitation_days: u32,
    /// Days after a child declined in which the same two people cannot be linked.
    pub declined_days: u32,
    /// Days for which a link is kept after it ended, or unanswered.
    pub ended_link_days: u32,
    /// Seconds between two rounds that delete old links and expired invitations.
    pub prune_every_s: u64,
    /// Days after which what came from Strava's API expires; none: it is kept.
    #[serde(skip)]
    pub retention_days: Option<u32>,
    /// True to copy activities that the guardian keeps for themselves ("Only You") too.
    pub private_activities: bool,
    /// Description of the copies; none if empty.
    pub description: String,
    /// Milliseconds from an upload to its first poll.
    pub first_poll_ms: u64,
    /// Milliseconds between two polls; at least 1000, as Strava asks. Grows with the time passed.
    pub poll_every_ms: u64,
    /// Seconds after which an upload that Strava has not decided is given up.
    pub upload_patience_s: u64,
    /// Seconds from an upload without an answer to the first search of the child's list.
    pub look_after_s: u64,
    /// Seconds from an upload without an answer to the second search; only then is the file sent again.
    pub look_again_s: u64,
    /// Maximum number of uploads of a file that was never answered.
    pub max_sends: u32,
    /// Seconds after which a copy that waits for the child's connection is tried again without an event.
    pub wait_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 2,
            lanes: 4,
            max_links: 50,
            max_invitations: 10,
            invitation_days: 7,
            declined_days: 7,
            ended_link_days: 90,
            prune_every_s: 3600,
            retention_days: None,
            private_activities: false,
            description: String::new(),
            first_poll_ms: 300,
            poll_every_ms: 1000,
            upload_patience_s: 1800,
            look_after_s: 20,
            look_again_s: 600,
            max_sends: 3,
            wait_s: 3600,
        }
    }
}

impl Settings {
    /// Returns the time for which what came from the guardian's account is kept; none: for ever.
    pub(crate) fn retention(&self) -> Option<Duration> {
        self.retention_days.map(days)
    }

    /// Returns the time for which an invitation can be redeemed.
    pub(crate) fn invitation_lifetime(&self) -> Duration {
        days(self.invitation_days)
    }

    /// Returns the time after a child declined in which the same two people cannot be linked.
    pub(crate) fn declined_pause(&self) -> Duration {
        days(self.declined_days)
    }

    /// Returns the time for which a link is kept after it ended; never shorter than the pause it is kept for.
    pub(crate) fn ended_link_retention(&self) -> Duration {
        days(self.ended_link_days).max(self.declined_pause())
    }

    /// Returns the pause before the next poll of an upload that began this long ago.
    pub(crate) fn poll_pause(&self, waited: Duration) -> Duration {
        let min_pause = Duration::from_millis(self.poll_every_ms.max(1000));
        min_pause.max(waited / 5).min(Duration::from_secs(30).max(min_pause))
    }
}

fn days(count: u32) -> Duration {
    Duration::from_hours(24 * u64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_a_second_apart_at_least_and_grow_rarer() {
        let settings = Settings { poll_every_ms: 1, ..Settings::default() };
        assert_eq!(settings.poll_pause(Duration::ZERO), Duration::from_secs(1));
        assert_eq!(settings.poll_pause(Duration::from_secs(50)), Duration::from_secs(10));
        assert_eq!(settings.poll_pause(Duration::from_secs(5000)), Duration::from_secs(30));
    }
}
