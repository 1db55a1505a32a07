//! Passwords: how good one must be, how it is kept, and how one is made up.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use kernel::Ids;

/// The fewest characters.
pub(crate) const MIN: usize = 8;
/// The most: hashing longer ones would be work for an attacker to give.
pub(crate) const MAX: usize = 256;

/// Why a password cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("must have {MIN} to {MAX} characters")]
    Length,
    /// It could not be hashed.
    #[error("the password could not be hashed")]
    NotHashed,
}

/// The password as it is kept: argon2id with a salt of its own.
pub(crate) fn hash(password: &str, ids: &dyn Ids) -> Result<String, PasswordError> {
    if !(MIN..=MAX).contains(&password.chars().count()) {
        return Err(PasswordError::Length);
    }
    let mut salt = [0; 16];
    ids.fill(&mut salt);
    match Argon2::default().hash_password_with_salt(password.as_bytes(), &salt) {
        Ok(hash) => Ok(hash.to_string()),
        Err(_) => Err(PasswordError::NotHashed),
    }
}

/// Whether the password is the one kept. Without an account the same work is done for nothing, so that
/// the time taken does not tell whether there is one.
pub(crate) fn matches(password: &str, kept: Option<&str>) -> bool {
    if password.chars().count() > MAX {
        return false;
    }
    const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$Zm9yIG5vYm9keSBhdCBhbGwsIG5vdCBldmVuIG9uY2U";
    let Ok(hash) = PasswordHash::new(kept.unwrap_or(NOBODYS)) else { return false };
    let same = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
    same && kept.is_some()
}

/// A password nobody guesses: 20 letters and digits that are not mistaken for each other.
pub(crate) fn made_up(ids: &dyn Ids) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 20];
    ids.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_matches() {
        let kept = hash("correct horse", &kernel::SystemIds).unwrap();

        assert!(matches("correct horse", Some(&kept)));
        assert!(!matches("wrong horse", Some(&kept)));
        assert!(!matches("correct horse", None));
        assert!(kept.starts_with("$argon2id$"));
    }

    #[test]
    fn a_short_password_is_refused() {
        assert_eq!(hash("short", &kernel::SystemIds), Err(PasswordError::Length));
    }
}
