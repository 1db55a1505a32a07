//! The scopes an athlete granted.

use std::collections::BTreeSet;

/// Reading, without *Only You* activities and without the parts inside privacy zones.
pub(crate) const READ: &str = "activity:read";
/// Reading everything the athlete recorded.
pub(crate) const READ_ALL: &str = "activity:read_all";
/// Uploading.
pub(crate) const WRITE: &str = "activity:write";

/// A set of Strava's scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes(BTreeSet<String>);

impl Scopes {
    /// Parses scopes joined by commas or spaces, as Strava and OAuth join them.
    pub(crate) fn parse(text: &str) -> Self {
        text.split([',', ' ', '+']).collect()
    }

    /// The scopes the athlete is asked for.
    pub(crate) fn requested(write: bool) -> Vec<&'static str> {
        let mut scopes = vec!["read", READ_ALL];
        scopes.extend(write.then_some(WRITE));
        scopes
    }

    pub(crate) fn can_read(&self) -> bool {
        self.0.contains(READ) || self.0.contains(READ_ALL)
    }

    pub(crate) fn can_write(&self) -> bool {
        self.0.contains(WRITE)
    }

    /// Removes reading: Strava refused a call for want of it.
    pub(crate) fn remove_read(&mut self) {
        self.0.remove(READ);
        self.0.remove(READ_ALL);
    }

    /// Removes writing: Strava refused a call for want of it.
    pub(crate) fn remove_write(&mut self) {
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
            assert!(scopes.can_read() && !scopes.can_write());
            assert_eq!(scopes.joined(), "activity:read_all,read");
        }
        assert!(!Scopes::parse("read").can_read());
    }
}
