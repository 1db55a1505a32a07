//! A guardian-child link: what both sides agreed to.

use kernel::{AthleteId, LinkId, Timestamp};

use super::matching::folded;

/// Where a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// The guardian asked; nothing is copied.
    Pending,
    /// The child agreed.
    Accepted,
    /// One of the two ended it.
    Ended,
}

impl LinkState {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Ended => "ended",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Accepted, Self::Ended].into_iter().find(|state| state.word() == word)
    }
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) guardian: AthleteId,
    pub(crate) child: AthleteId,
    pub(crate) names: Names,
    pub(crate) share_heart_rate: bool,
    pub(crate) state: LinkState,
    pub(crate) created_at: Timestamp,
    pub(crate) accepted_at: Option<Timestamp>,
}

/// Which side of a link somebody is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Guardian,
    Child,
}

impl Link {
    /// The side this athlete is on; a stranger is on none.
    pub(crate) fn side_of(&self, athlete: AthleteId) -> Option<Side> {
        if athlete == self.guardian {
            Some(Side::Guardian)
        } else if athlete == self.child {
            Some(Side::Child)
        } else {
            None
        }
    }

    /// Whether an activity that began then is covered: only what came after both had agreed. Strava
    /// tells starts in whole seconds, so the second of the agreement itself counts.
    pub(crate) fn covers(&self, start: Timestamp) -> bool {
        let agreed = self.accepted_at.filter(|_| self.state == LinkState::Accepted);
        agreed.is_some_and(|agreed| start.as_secs() >= agreed.as_secs())
    }
}

/// The names a title may hold, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names(Vec<String>);

/// Why names cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadNames {
    #[error("must hold at least one name")]
    None,
    #[error("must hold at most {} names", Names::MOST)]
    TooMany,
    #[error("must each have 1 to {} characters", Names::LONGEST)]
    Length,
    #[error("must each hold a letter or a digit, and no control characters")]
    NoWord,
}

impl Names {
    /// How many names a link may have.
    pub(crate) const MOST: usize = 20;
    /// How many characters a name may have.
    pub(crate) const LONGEST: usize = 80;

    /// Trims, checks, and drops what is the same name written twice.
    pub(crate) fn parse(names: &[String]) -> Result<Self, BadNames> {
        if names.is_empty() {
            return Err(BadNames::None);
        }
        if names.len() > Self::MOST {
            return Err(BadNames::TooMany);
        }
        let (mut kept, mut seen) = (Vec::new(), Vec::new());
        for name in names.iter().map(|name| name.trim()) {
            if !(1..=Self::LONGEST).contains(&name.chars().count()) {
                return Err(BadNames::Length);
            }
            if !name.chars().any(char::is_alphanumeric) || name.chars().any(char::is_control) {
                return Err(BadNames::NoWord);
            }
            let folded = folded(name);
            if !seen.contains(&folded) {
                seen.push(folded);
                kept.push(name.to_owned());
            }
        }
        Ok(Self(kept))
    }

    /// What was stored was checked when it came in.
    pub(crate) fn stored(names: Vec<String>) -> Self {
        Self(names)
    }

    pub(crate) fn as_slice(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(names: &[&str]) -> Result<Names, BadNames> {
        Names::parse(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_trimmed_and_kept_once() {
        let names = parse(&[" Milla ", "MILLA", "Anna-Lena"]).unwrap();
        assert_eq!(names.as_slice(), ["Milla", "Anna-Lena"]);
    }

    #[test]
    fn names_that_could_match_nothing_or_everything_are_refused() {
        assert_eq!(parse(&[]), Err(BadNames::None));
        assert_eq!(parse(&["a"; 21]), Err(BadNames::TooMany));
        assert_eq!(parse(&["  "]), Err(BadNames::Length));
        assert_eq!(parse(&[&"x".repeat(81)]), Err(BadNames::Length));
        assert_eq!(parse(&["!?"]), Err(BadNames::NoWord));
        assert_eq!(parse(&["Mil\u{7}la"]), Err(BadNames::NoWord));
        assert!(parse(&[&"ä".repeat(80)]).is_ok());
    }
}
