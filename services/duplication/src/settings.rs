//! What can be set, each with a default that fits.

use std::time::Duration;

use serde::Deserialize;

/// The section `[duplication]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many copies are worked on at once.
    pub workers: usize,
    /// How many events are handled at once.
    pub lanes: usize,
    /// How many links one guardian may have.
    pub max_links: u64,
    /// Whether activities that the guardian keeps for themselves ("Only You") are copied too.
    pub private_activities: bool,
    /// What the copies' description says; nothing when empty.
    pub description: String,
    /// Milliseconds from an upload to the first look at what became of it.
    pub first_poll_ms: u64,
    /// Milliseconds between two looks; never less than 1000, for Strava asks so. It grows with the time passed.
    pub poll_every_ms: u64,
    /// Seconds after which an upload that never ends is given up.
    pub upload_patience_s: u64,
    /// Seconds after an upload without an answer until the child's list is read for the first time.
    pub look_after_s: u64,
    /// Seconds until it is read again; only then is the file sent once more.
    pub look_again_s: u64,
    /// How often a file is sent at most, when no answer ever came.
    pub max_sends: u32,
    /// Seconds after which a copy that waits for the child's connection is looked at again unasked.
    pub wait_s: u64,
    /// Whether the service migrates its database when it starts.
    pub migrate: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 2,
            lanes: 4,
            max_links: 50,
            private_activities: false,
            description: String::new(),
            first_poll_ms: 300,
            poll_every_ms: 1000,
            upload_patience_s: 1800,
            look_after_s: 20,
            look_again_s: 600,
            max_sends: 3,
            wait_s: 3600,
            migrate: true,
        }
    }
}

impl Settings {
    /// When to look next at an upload that began this long ago: soon at first, then ever more rarely.
    pub(crate) fn poll_after(&self, since: Duration) -> Duration {
        let every = Duration::from_millis(self.poll_every_ms.max(1000));
        every.max(since / 5).min(Duration::from_secs(30).max(every))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_a_second_apart_at_least_and_grow_rarer() {
        let eager = Settings { poll_every_ms: 1, ..Settings::default() };
        assert_eq!(eager.poll_after(Duration::ZERO), Duration::from_secs(1));
        assert_eq!(eager.poll_after(Duration::from_secs(50)), Duration::from_secs(10));
        assert_eq!(eager.poll_after(Duration::from_secs(5000)), Duration::from_secs(30));
    }
}
