//! An invitation to a link, and the code that redeems it.

use aws_lc_rs::digest::{SHA256, digest};
use kernel::{AthleteId, Ids, Timestamp};
use uuid::Uuid;

use super::link::{LinkRole, Terms};

/// The offer of an athlete to link with whoever holds its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    pub(crate) id: Uuid,
    pub(crate) inviter: AthleteId,
    /// Role the inviter takes.
    pub(crate) role: LinkRole,
    /// Name the inviter chose to be shown.
    pub(crate) name: ShownName,
    /// Present if the inviter is the guardian.
    pub(crate) terms: Option<Terms>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// Name an athlete chose to be shown to the other side of a link; validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShownName(String);

/// Reason for refusing a shown name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must have 1 to {} characters, one of them a letter or a digit, and no control characters",
    ShownName::MAX_CHARS
)]
pub(crate) struct InvalidShownName;

impl ShownName {
    /// Maximum number of characters.
    pub(crate) const MAX_CHARS: usize = 80;

    /// Trims and validates a name.
    pub(crate) fn parse(name: &str) -> Result<Self, InvalidShownName> {
        let name = name.trim();
        let is_valid = name.chars().count() <= Self::MAX_CHARS
            && name.chars().any(char::is_alphanumeric)
            && !name.chars().any(char::is_control);
        if is_valid { Ok(Self(name.to_owned())) } else { Err(InvalidShownName) }
    }

    /// Returns a name read from the store, which was validated when it came in.
    pub(crate) fn from_stored(name: String) -> Self {
        Self(name)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The secret of an invitation: whoever tells it may redeem the invitation, once.
pub(crate) struct InvitationCode([u8; Self::BYTES]);

impl InvitationCode {
    /// 96 bits: nobody guesses one in its days, and it can still be read out.
    const BYTES: usize = 12;

    pub(crate) fn generate(ids: &dyn Ids) -> Self {
        let mut code = [0; Self::BYTES];
        ids.fill(&mut code);
        Self(code)
    }

    /// Parses a code however it was typed: upper case, hyphens and blanks do not matter.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits: String =
            text.chars().filter(|c| !matches!(c, '-') && !c.is_whitespace()).collect();
        let mut code = [0; Self::BYTES];
        hex::decode_to_slice(digits, &mut code).ok()?;
        Some(Self(code))
    }

    /// Returns the code as it is shown: groups of four hexadecimal digits.
    pub(crate) fn to_text(&self) -> String {
        let groups: Vec<String> = self.0.chunks(2).map(hex::encode).collect();
        groups.join("-")
    }

    /// Returns the hash that is stored, hexadecimal; a plain one will do, as codes are random.
    pub(crate) fn hash(&self) -> String {
        hex::encode(digest(&SHA256, &self.0))
    }
}

#[cfg(test)]
mod tests {
    use kernel::SystemIds;

    use super::*;

    #[test]
    fn a_code_is_read_however_it_was_typed() {
        let code = InvitationCode::generate(&SystemIds);
        let text = code.to_text();
        assert_eq!(text.len(), 29);
        for typed in [text.clone(), text.to_uppercase(), format!(" {} ", text.replace('-', " "))] {
            assert_eq!(InvitationCode::parse(&typed).unwrap().hash(), code.hash());
        }
        let other = InvitationCode::generate(&SystemIds);
        assert_ne!(other.hash(), code.hash());
        for wrong in ["", "0123", &text[1..], &format!("{text}00"), &text.replace('-', "g")] {
            assert!(InvitationCode::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_shown_name_says_something_and_is_not_endless() {
        assert_eq!(ShownName::parse(" Anna ").unwrap().as_str(), "Anna");
        for name in ["", "  ", "!?", "An\u{7}na", &"x".repeat(81)] {
            assert_eq!(ShownName::parse(name), Err(InvalidShownName), "{name:?}");
        }
    }
}
