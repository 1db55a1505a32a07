//! Encryption of tokens: AES-256-GCM, the key's id in the value, bound to its connection and column.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kernel::Ids;
use secrecy::{ExposeSecret, SecretString};

use super::keyring_error::KeyringError;
use crate::domain::connection::SealedToken;

const VERSION: &str = "v1";
/// What a sentinel says; it is no secret.
const SENTINEL: &str = "this key is the one that sealed the tokens";

/// The keys that tokens are encrypted with: the first seals, all open.
pub(crate) struct Keyring {
    keys: Vec<Key>,
}

struct Key {
    id: String,
    key: LessSafeKey,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

/// A sealed value cannot be opened: unknown key, another connection or column, or tampered with.
#[derive(Debug, thiserror::Error)]
#[error("no key opens the sealed value")]
pub(crate) struct Unreadable;

/// The kind of a token; a sealed value is bound to it and to its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenKind {
    Access,
    Refresh,
}

impl TokenKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

impl Keyring {
    /// Parses the text of a key file: one key per line, `ID BASE64`, the current one first, `#` for remarks.
    pub(crate) fn parse(text: &str) -> Result<Self, KeyringError> {
        let mut keys = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            keys.push(Key::parse(line).ok_or(KeyringError::Line(number + 1))?);
        }
        if keys.is_empty() { Err(KeyringError::Empty) } else { Ok(Self { keys }) }
    }

    /// Derives one key from a passphrase of high entropy (the predecessor's `ENCRYPTION_KEY`).
    pub(crate) fn from_passphrase(passphrase: &SecretString) -> Result<Self, KeyringError> {
        let bytes = digest(
            &SHA256,
            format!("paceline token key\n{}", passphrase.expose_secret()).as_bytes(),
        );
        let id = format!("p{}", &fingerprint(&STANDARD.encode(bytes.as_ref()))[..8]);
        Self::parse(&format!("{id} {}", STANDARD.encode(bytes.as_ref())))
    }

    /// Seals a secret for one column of one connection.
    pub(crate) fn seal(
        &self,
        ids: &dyn Ids,
        connection: &str,
        kind: TokenKind,
        secret: &str,
    ) -> Result<SealedToken, Unreadable> {
        self.keys.first().ok_or(Unreadable)?.seal(ids, aad(connection, kind), secret)
    }

    /// Opens a secret that was sealed for this column of this connection.
    pub(crate) fn open(
        &self,
        connection: &str,
        kind: TokenKind,
        sealed: &SealedToken,
    ) -> Result<SecretString, Unreadable> {
        let key = self.find(sealed.key_id().ok_or(Unreadable)?).ok_or(Unreadable)?;
        key.open(aad(connection, kind), sealed)
    }

    /// The ids of the keys.
    pub(crate) fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.id.as_str())
    }

    /// Seals the sentinel of a key with it; none if the ring lacks the key.
    pub(crate) fn seal_sentinel(&self, ids: &dyn Ids, key_id: &str) -> Option<SealedToken> {
        self.find(key_id)?.seal(ids, sentinel_aad(key_id), SENTINEL).ok()
    }

    /// Returns true if the key of this id opens its sentinel.
    pub(crate) fn opens_sentinel(&self, key_id: &str, sentinel: &SealedToken) -> bool {
        self.find(key_id).is_some_and(|key| key.open(sentinel_aad(key_id), sentinel).is_ok())
    }

    /// Returns true if the current key sealed it.
    pub(crate) fn is_current(&self, sealed: &SealedToken) -> bool {
        sealed.key_id().is_some_and(|id| self.keys.first().is_some_and(|current| current.id == id))
    }

    fn find(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }
}

impl SealedToken {
    /// The id of the key that sealed it; none if there is no token.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.split().map(|(id, _)| id)
    }

    /// The id of the key, and nonce and ciphertext in base64.
    fn split(&self) -> Option<(&str, &str)> {
        let mut parts = self.0.splitn(3, '.');
        let (version, id, packed) = (parts.next()?, parts.next()?, parts.next()?);
        (version == VERSION).then_some((id, packed))
    }
}

impl Key {
    fn seal(
        &self,
        ids: &dyn Ids,
        bound_to: Aad<String>,
        secret: &str,
    ) -> Result<SealedToken, Unreadable> {
        let mut nonce = [0; NONCE_LEN];
        ids.fill(&mut nonce);
        let mut bytes = secret.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound_to, &mut bytes)
            .map_err(|_unspecified| Unreadable)?;
        let mut packed = nonce.to_vec();
        packed.append(&mut bytes);
        Ok(SealedToken(format!("{VERSION}.{}.{}", self.id, URL_SAFE_NO_PAD.encode(packed))))
    }

    fn open(
        &self,
        bound_to: Aad<String>,
        sealed: &SealedToken,
    ) -> Result<SecretString, Unreadable> {
        let (_, packed) = sealed.split().ok_or(Unreadable)?;
        let mut packed = URL_SAFE_NO_PAD.decode(packed).map_err(|_not_base64| Unreadable)?;
        let (nonce, bytes) = packed.split_at_mut_checked(NONCE_LEN).ok_or(Unreadable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_unspecified| Unreadable)?;
        let opened =
            self.key.open_in_place(nonce, bound_to, bytes).map_err(|_unspecified| Unreadable)?;
        String::from_utf8(opened.to_vec()).map(SecretString::from).map_err(|_not_text| Unreadable)
    }

    fn parse(line: &str) -> Option<Self> {
        let (id, key) = line.split_once(char::is_whitespace)?;
        let bytes = STANDARD.decode(key.trim()).ok()?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).ok()?;
        is_key_id(id).then(|| Self { id: id.to_owned(), key: LessSafeKey::new(key) })
    }
}

/// Returns true if a key may have this id.
pub(super) fn is_key_id(id: &str) -> bool {
    (1..=32).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn sentinel_aad(key_id: &str) -> Aad<String> {
    Aad::from(format!("sealing-key:{key_id}"))
}

fn aad(connection: &str, kind: TokenKind) -> Aad<String> {
    Aad::from(format!("connection:{connection}:{}", kind.name()))
}

/// Hash of a secret, hexadecimal: tells secrets apart without revealing them, as they are long and random.
pub(crate) fn fingerprint(secret: &str) -> String {
    hex::encode(digest(&SHA256, secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use kernel::SystemIds;
    use proptest::prelude::*;

    use super::*;

    fn ring(ids: &[&str]) -> Keyring {
        let lines: Vec<String> = ids
            .iter()
            .map(|id| format!("{id} {}", STANDARD.encode(digest(&SHA256, id.as_bytes()).as_ref())))
            .collect();
        Keyring::parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_only_where_it_belongs() {
        let ring = ring(&["a"]);
        let sealed = ring.seal(&SystemIds, "c1", TokenKind::Access, "token").unwrap();
        assert!(!sealed.0.contains("token"));
        assert_eq!(ring.open("c1", TokenKind::Access, &sealed).unwrap().expose_secret(), "token");
        assert!(ring.open("c2", TokenKind::Access, &sealed).is_err());
        assert!(ring.open("c1", TokenKind::Refresh, &sealed).is_err());
        assert!(self::ring(&["b"]).open("c1", TokenKind::Access, &sealed).is_err());
    }

    #[test]
    fn rotation_opens_the_old_and_seals_with_the_new() {
        let old = ring(&["a"]);
        let sealed = old.seal(&SystemIds, "c1", TokenKind::Access, "token").unwrap();
        let rotated = ring(&["b", "a"]);
        assert!(
            rotated.open("c1", TokenKind::Access, &sealed).is_ok() && !rotated.is_current(&sealed)
        );
        let again = rotated.seal(&SystemIds, "c1", TokenKind::Access, "token").unwrap();
        assert!(rotated.is_current(&again) && old.open("c1", TokenKind::Access, &again).is_err());
    }

    #[test]
    fn a_sentinel_opens_with_its_own_key_only() {
        let ring = ring(&["a"]);
        let sentinel = ring.seal_sentinel(&SystemIds, "a").unwrap();
        assert!(ring.opens_sentinel("a", &sentinel));
        assert!(!ring.opens_sentinel("b", &sentinel));
        let other = STANDARD.encode(digest(&SHA256, b"other").as_ref());
        let same_id = Keyring::parse(&format!("a {other}")).unwrap();
        assert!(!same_id.opens_sentinel("a", &sentinel));
        let token = ring.seal(&SystemIds, "a", TokenKind::Access, SENTINEL).unwrap();
        assert!(!ring.opens_sentinel("a", &token), "a token is no sentinel");
        assert_eq!(ring.seal_sentinel(&SystemIds, "b"), None);
    }

    #[test]
    fn the_same_token_never_seals_alike() {
        let ring = ring(&["a"]);
        let seal = || ring.seal(&SystemIds, "c1", TokenKind::Access, "token").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_wrong_key_file_is_refused_with_its_line() {
        assert!(matches!(Keyring::parse("# nothing\n"), Err(KeyringError::Empty)));
        assert!(matches!(Keyring::parse("\nshort c2hvcnQ=\n"), Err(KeyringError::Line(2))));
    }

    proptest! {
        #[test]
        fn no_sealed_text_is_too_odd_to_refuse(text in "[ -~]{0,60}", tail in "[A-Za-z0-9_-]{0,80}") {
            let ring = ring(&["a"]);
            prop_assert!(ring.open("c1", TokenKind::Access, &SealedToken(text)).is_err());
            let forged = SealedToken(format!("v1.a.{tail}"));
            prop_assert!(ring.open("c1", TokenKind::Access, &forged).is_err());
        }
    }
}
