//! A guardian-child link and the names it matches in titles.

use kernel::{AthleteId, LinkId, Timestamp};

use super::connection::{Connection, select_for_upload};
use super::matching::normalize;

/// State of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// An invitation was redeemed; nothing is copied.
    Pending,
    /// Accepted by the child.
    Accepted,
    /// Refused by the child.
    Declined,
    /// Ended by either side.
    Ended,
}

impl LinkState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Ended => "ended",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Accepted, Self::Declined, Self::Ended]
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    /// Returns true until the link is declined or ended.
    pub(crate) const fn is_living(self) -> bool {
        matches!(self, Self::Pending | Self::Accepted)
    }
}

/// The agreement to copy a guardian's activities into a child's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) guardian: AthleteId,
    pub(crate) child: AthleteId,
    /// Names the two chose for each other; empty in links of before invitations.
    pub(crate) guardian_name: String,
    pub(crate) child_name: String,
    pub(crate) names: Names,
    pub(crate) share_heart_rate: bool,
    pub(crate) state: LinkState,
    pub(crate) created_at: Timestamp,
    pub(crate) accepted_at: Option<Timestamp>,
}

/// Role of an athlete in a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkRole {
    Guardian,
    Child,
}

impl LinkRole {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Guardian => "guardian",
            Self::Child => "child",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Guardian, Self::Child].into_iter().find(|role| role.as_str() == text)
    }
}

impl Link {
    /// Returns the role of the athlete; `None` for a stranger.
    pub(crate) fn role_of(&self, athlete: AthleteId) -> Option<LinkRole> {
        if athlete == self.guardian {
            Some(LinkRole::Guardian)
        } else if athlete == self.child {
            Some(LinkRole::Child)
        } else {
            None
        }
    }

    /// Returns the reason code that keeps anything from being copied, if the link is accepted and there is one.
    pub(crate) fn obstacle(&self, connections_of_child: &[Connection]) -> Option<&'static str> {
        let obstacle = select_for_upload(connections_of_child).err();
        obstacle.filter(|_| self.state == LinkState::Accepted)
    }

    /// Returns the state after this athlete ended the link: a child that had not accepted has declined.
    pub(crate) fn state_once_ended_by(&self, athlete: AthleteId) -> LinkState {
        if self.state == LinkState::Pending && athlete == self.child {
            LinkState::Declined
        } else {
            LinkState::Ended
        }
    }

    /// Returns true if an activity with this start is covered: the link is accepted, and was so when
    /// the activity began. Strava gives starts in whole seconds, so the second of the acceptance counts.
    pub(crate) fn covers(&self, start: Timestamp) -> bool {
        let accepted_at = self.accepted_at.filter(|_| self.state == LinkState::Accepted);
        accepted_at.is_some_and(|accepted_at| start.as_secs() >= accepted_at.as_secs())
    }
}

/// What the guardian lets be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) names: Names,
    pub(crate) share_heart_rate: bool,
}

/// Names that are searched for in titles; validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names(Vec<String>);

/// Reason for refusing names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidNames {
    #[error("must hold at least one name")]
    None,
    #[error("must hold at most {} names", Names::MAX_COUNT)]
    TooMany,
    #[error("must each have 1 to {} characters", Names::MAX_CHARS)]
    Length,
    #[error("must each hold a letter or a digit, and no control characters")]
    NoWord,
}

impl Names {
    /// Maximum number of names of a link.
    pub(crate) const MAX_COUNT: usize = 20;
    /// Maximum number of characters of a name.
    pub(crate) const MAX_CHARS: usize = 80;

    /// Trims and validates names, and drops repetitions of the same name.
    pub(crate) fn parse(names: &[String]) -> Result<Self, InvalidNames> {
        if names.is_empty() {
            return Err(InvalidNames::None);
        }
        if names.len() > Self::MAX_COUNT {
            return Err(InvalidNames::TooMany);
        }
        let mut names_kept = Vec::new();
        let mut normalized_names = Vec::new();
        for name in names.iter().map(|name| name.trim()) {
            if !(1..=Self::MAX_CHARS).contains(&name.chars().count()) {
                return Err(InvalidNames::Length);
            }
            if !name.chars().any(char::is_alphanumeric) || name.chars().any(char::is_control) {
                return Err(InvalidNames::NoWord);
            }
            let normalized = normalize(name);
            if !normalized_names.contains(&normalized) {
                normalized_names.push(normalized);
                names_kept.push(name.to_owned());
            }
        }
        Ok(Self(names_kept))
    }

    /// Returns names read from the store, which were validated when they came in.
    pub(crate) fn from_stored(names: Vec<String>) -> Self {
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

    fn parse(names: &[&str]) -> Result<Names, InvalidNames> {
        Names::parse(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_trimmed_and_kept_once() {
        let names = parse(&[" Milla ", "MILLA", "Anna-Lena"]).unwrap();
        assert_eq!(names.as_slice(), ["Milla", "Anna-Lena"]);
    }

    #[test]
    fn names_that_could_match_nothing_or_everything_are_refused() {
        assert_eq!(parse(&[]), Err(InvalidNames::None));
        assert_eq!(parse(&["a"; 21]), Err(InvalidNames::TooMany));
        assert_eq!(parse(&["  "]), Err(InvalidNames::Length));
        assert_eq!(parse(&[&"x".repeat(81)]), Err(InvalidNames::Length));
        assert_eq!(parse(&["!?"]), Err(InvalidNames::NoWord));
        assert_eq!(parse(&["Mil\u{7}la"]), Err(InvalidNames::NoWord));
        assert!(parse(&[&"ä".repeat(80)]).is_ok());
    }
}
