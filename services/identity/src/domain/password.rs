//! Passwords: their rules, their hashes, and their generation.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
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

/// The memory that a hash is computed in, used again for the next one.
#[derive(Debug)]
pub(crate) struct HashingMemory(Vec<Block>);

impl HashingMemory {
    /// Number of blocks, of 1 KiB each, that are asked for; only those in use cost memory. Beyond 32 MiB the allocator
    /// maps them apart and gives them back when they are dropped; smaller ones it would keep, for each thread.
    const CAPACITY: usize = 33 * 1024;

    /// Memory that is not in use yet.
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(Self::CAPACITY))
    }

    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.0.resize(count, Block::new());
        }
        &mut self.0
    }

    fn fill(&mut self, argon2: &Argon2<'_>, input: (&[u8], &[u8]), output: &mut [u8]) -> bool {
        let ((password, salt), blocks) = (input, self.blocks(argon2.params().block_count()));
        argon2.hash_password_into_with_memory(password, salt, output, blocks).is_ok()
    }
}

/// Hashes a password with argon2id and a salt of its own.
pub(crate) fn hash_password(
    password: &str,
    ids: &dyn Ids,
    memory: &mut HashingMemory,
) -> Result<String, PasswordError> {
    if !(MIN_CHARS..=MAX_CHARS).contains(&password.chars().count()) {
        return Err(PasswordError::Length);
    }
    let (mut salt, mut output) = ([0; 16], [0; Params::DEFAULT_OUTPUT_LEN]);
    ids.fill(&mut salt);
    let argon2 = Argon2::default();
    if !memory.fill(&argon2, (password.as_bytes(), &salt), &mut output) {
        return Err(PasswordError::NotHashed);
    }
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(argon2.params())
            .map_err(|_error| PasswordError::NotHashed)?,
        salt: Salt::new(&salt).ok(),
        hash: Output::new(&output).ok(),
    };
    Ok(hash.to_string())
}

/// Returns true if no account has this password because it is too long: it is refused before it costs anything.
pub(crate) fn is_too_long(password: &str) -> bool {
    password.chars().count() > MAX_CHARS
}

/// Returns true if the password has this hash. Without a hash the same work is done in vain, so that
/// the time taken does not reveal the lack of an account.
pub(crate) fn verify_password(
    password: &str,
    stored_hash: Option<&str>,
    memory: &mut HashingMemory,
) -> bool {
    const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$Zm9yIG5vYm9keSBhdCBhbGwsIG5vdCBldmVuIG9uY2U";
    let matches = matches_hash(password, stored_hash.unwrap_or(DUMMY_HASH), memory);
    matches.unwrap_or_default() && stored_hash.is_some()
}

/// Returns true if the password has this hash. None: it cannot be checked.
fn matches_hash(password: &str, hash: &str, memory: &mut HashingMemory) -> Option<bool> {
    let hash = PasswordHash::new(hash).ok()?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    let version = hash.version.map(Version::try_from).transpose().ok()?.unwrap_or_default();
    let argon2 = Argon2::new(algorithm, version, Params::try_from(&hash).ok()?);
    let (salt, expected) = (hash.salt?, hash.hash?);
    let mut output = vec![0; expected.len()];
    // Outputs are compared in constant time.
    memory
        .fill(&argon2, (password.as_bytes(), &salt), &mut output)
        .then(|| Output::new(&output).is_ok_and(|output| output == expected))
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
    use argon2::PasswordHasher;

    use super::*;

    #[test]
    fn only_the_right_password_matches_whatever_the_memory_held() {
        let mut memory = HashingMemory::new();
        let stored = hash_password("correct horse", &kernel::SystemIds, &mut memory).unwrap();

        assert!(verify_password("correct horse", Some(&stored), &mut memory));
        assert!(!verify_password("wrong horse", Some(&stored), &mut memory));
        assert!(!verify_password("correct horse", None, &mut memory));
        assert!(verify_password("correct horse", Some(&stored), &mut HashingMemory::new()));
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }

    #[test]
    fn a_hash_of_other_parameters_is_verified_with_them() {
        let others = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(24 * 1024, 3, 1, None).unwrap(),
        );
        let stored = others.hash_password_with_salt(b"correct horse", b"a salt of others").unwrap();
        let (stored, mut memory): (PasswordHash, _) = (stored, HashingMemory::new());

        assert!(verify_password("correct horse", Some(&stored.to_string()), &mut memory));
        assert!(!verify_password("wrong horse", Some(&stored.to_string()), &mut memory));
    }

    #[test]
    fn memory_of_a_hash_is_mapped_apart_so_that_the_allocator_gives_it_back() {
        assert!(HashingMemory::new().0.capacity() * Block::SIZE > 32 * 1024 * 1024);
    }

    #[test]
    fn a_short_password_is_refused() {
        let hashed = hash_password("short", &kernel::SystemIds, &mut HashingMemory::new());
        assert_eq!(hashed, Err(PasswordError::Length));
    }
}
