//! Local accounts and their e-mail addresses.

use kernel::{AthleteId, Timestamp};

/// An e-mail address: trimmed, in lower case, at most 254 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

/// Reason for an invalid e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Not of the form name@host.
    #[error("must be an e-mail address such as ana@example.org")]
    NotAnAddress,
    /// Longer than mail allows.
    #[error("must have at most 254 characters")]
    TooLong,
}

impl Email {
    /// The address as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Email {
    type Err = EmailError;

    fn from_str(raw: &str) -> Result<Self, EmailError> {
        let address = raw.trim().to_lowercase();
        if address.chars().count() > 254 {
            return Err(EmailError::TooLong);
        }
        let is_valid = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|char| !char.is_whitespace() && !char.is_control() && char != '@')
        };
        match address.split_once('@') {
            Some((name, host)) if is_valid(name) && is_valid(host) => Ok(Self(address)),
            _ => Err(EmailError::NotAnAddress),
        }
    }
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// The athlete it belongs to: the `sub` of their tokens.
    pub athlete: AthleteId,
    /// The address to sign in with.
    pub email: String,
    /// True for an administrator.
    pub admin: bool,
    /// Instant of its creation.
    pub created_at: Timestamp,
}

impl Account {
    /// The groups named in their tokens.
    pub(crate) fn groups(&self) -> Vec<String> {
        let groups: &[&str] = if self.admin { &["Admin", "User"] } else { &["User"] };
        groups.iter().map(|group| (*group).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_in_any_case() {
        assert_eq!(" Ana@Example.ORG ".parse::<Email>(), "ana@example.org".parse());
    }

    #[test]
    fn an_invalid_address_is_refused() {
        for invalid in ["", "ana", "@example.org", "ana@", "a na@example.org", "a@b@c"] {
            assert_eq!(invalid.parse::<Email>(), Err(EmailError::NotAnAddress), "{invalid}");
        }
    }
}
