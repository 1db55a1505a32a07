//! An account: who may sign in.

use kernel::{AthleteId, Timestamp};

/// An e-mail address to sign in with: trimmed, in lower case, at most 254 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

/// Why a text is no address.
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
    /// The address itself.
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
        let sound = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|char| !char.is_whitespace() && !char.is_control() && char != '@')
        };
        match address.split_once('@') {
            Some((name, host)) if sound(name) && sound(host) => Ok(Self(address)),
            _ => Err(EmailError::NotAnAddress),
        }
    }
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Whose: the `sub` of their tokens.
    pub athlete: AthleteId,
    /// What they sign in with.
    pub email: String,
    /// Whether they may administer.
    pub admin: bool,
    /// Since when.
    pub created_at: Timestamp,
}

impl Account {
    /// The groups their tokens name.
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
    fn what_is_no_address_is_refused() {
        for bad in ["", "ana", "@example.org", "ana@", "a na@example.org", "a@b@c"] {
            assert_eq!(bad.parse::<Email>(), Err(EmailError::NotAnAddress), "{bad}");
        }
    }
}
