//! What an athlete granted, and what we need it for.

use std::collections::BTreeSet;

/// Seen without *Only You* activities and without what lies inside privacy zones.
pub(crate) const READ: &str = "activity:read";
/// Everything the athlete recorded.
pub(crate) const READ_ALL: &str = "activity:read_all";
/// Uploading.
pub(crate) const WRITE: &str = "activity:write";

/// A set of Strava's scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes(BTreeSet<String>);

impl Scopes {
    /// Scopes joined by commas or spaces, as Strava and OAuth join them.
    pub(crate) fn parse(text: &str) -> Self {
        text.split([',', ' ', '+']).collect()
    }

    /// What the athlete is asked for.
    pub(crate) fn asked(write: bool) -> Vec<&'static str> {
        let mut asked = vec!["read", READ_ALL];
        asked.extend(write.then_some(WRITE));
        asked
    }

    pub(crate) fn reads(&self) -> bool {
        self.0.contains(READ) || self.0.contains(READ_ALL)
    }

    pub(crate) fn writes(&self) -> bool {
        self.0.contains(WRITE)
    }

    /// Strava refused for want of this.
    pub(crate) fn take_reading(&mut self) {
        self.0.remove(READ);
        self.0.remove(READ_ALL);
    }

    /// Strava refused for want of this.
    pub(crate) fn take_writing(&mut self) {
        self.0.remove(WRITE);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }

    pub(crate) fn joined(&self) -> String {
        self.names().join(",")
    }
}

impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        Self(
            names
                .into_iter()
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_told_apart_whatever_joins_them() {
        for text in
            ["read,activity:read_all", "read activity:read_all", " activity:read_all , read,"]
        {
            let scopes = Scopes::parse(text);
            assert!(scopes.reads() && !scopes.writes());
            assert_eq!(scopes.joined(), "activity:read_all,read");
        }
        assert!(!Scopes::parse("read").reads());
    }
}
