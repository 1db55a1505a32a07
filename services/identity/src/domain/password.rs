//! Passwords: their rules, their hashes, and their generation.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use kernel::Ids;
use secrecy::SecretString;

/// Minimum length of a password, in characters.
const MIN_CHARS: usize = 8;
/// Maximum length of a password, in characters: hashing longer ones would let an attacker cause work.
const MAX_CHARS: usize = 256;

/// Reason for the refusal of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("must have {MIN_CHARS} to {MAX_CHARS} characters")]
    Length,
    /// It could not be hashed.
    #[error("the password could not be hashed")]
    NotHashed,
}

/// Hashes a password with argon2id and a salt of its own.
pub(crate) fn hash_password(password: &str, ids: &dyn Ids) -> Result<String, PasswordError> {
    if !(MIN_CHARS..=MAX_CHARS).contains(&password.chars().count()) {
        return Err(PasswordError::Length);
    }
    let mut salt = [0; 16];
    ids.fill(&mut salt);
    match Argon2::default().hash_password_with_salt(password.as_bytes(), &salt) {
        Ok(hash) => Ok(hash.to_string()),
        Err(_) => Err(PasswordError::NotHashed),
    }
}

/// Returns true if the password has this hash. Without a hash the same work is done in vain, so that
/// the time taken does not reveal the lack of an account.
pub(crate) fn verify_password(password: &str, stored_hash: Option<&str>) -> bool {
    if password.chars().count() > MAX_CHARS {
        return false;
    }
    const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$Zm9yIG5vYm9keSBhdCBhbGwsIG5vdCBldmVuIG9uY2U";
    let Ok(hash) = PasswordHash::new(stored_hash.unwrap_or(DUMMY_HASH)) else { return false };
    let matches = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
    matches && stored_hash.is_some()
}

/// Generates a password of 20 letters and digits that are not mistaken for each other.
pub(crate) fn generate_password(ids: &dyn Ids) -> SecretString {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 20];
    ids.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_matches() {
        let stored = hash_password("correct horse", &kernel::SystemIds).unwrap();

        assert!(verify_password("correct horse", Some(&stored)));
        assert!(!verify_password("wrong horse", Some(&stored)));
        assert!(!verify_password("correct horse", None));
        assert!(stored.starts_with("$argon2id$"));
    }

    #[test]
    fn a_short_password_is_refused() {
        assert_eq!(hash_password("short", &kernel::SystemIds), Err(PasswordError::Length));
    }
}
