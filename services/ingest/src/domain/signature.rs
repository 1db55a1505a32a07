//! `X-Strava-Signature: t=<unix seconds>,v1=<hex>`, and the comparison of secrets.

use std::time::Duration;

use aws_lc_rs::hmac;
use kernel::Timestamp;

/// Maximum difference between the signature's time and ours.
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(5);

/// Returns true if the header signs this body with this key, at about this time.
pub(crate) fn is_valid(header: &str, body: &[u8], key: &[u8], now: Timestamp) -> bool {
    let field = |name: &str| header.split(',').find_map(|part| part.trim().strip_prefix(name));
    let (Some(time), Some(signature)) = (field("t="), field("v1=")) else { return false };
    let (Ok(at), Ok(signature)) = (time.parse(), hex::decode(signature)) else { return false };
    let at = Timestamp::from_secs(at);
    if now.since(at).max(at.since(now)) > MAX_CLOCK_SKEW {
        return false;
    }
    let signed = [time.as_bytes(), b".", body].concat();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), &signed, &signature).is_ok()
}

/// Returns true if the secret is not empty and equals the given one; compares in constant time.
pub(crate) fn secret_matches(secret: &str, given: &str) -> bool {
    let equals = aws_lc_rs::constant_time::verify_slices_are_equal;
    !secret.is_empty() && equals(given.as_bytes(), secret.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"object_id":1}"#;

    fn header(at: i64, key: &[u8]) -> String {
        let signed = [at.to_string().as_bytes(), b".", BODY].concat();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &signed);
        format!("t={at},v1={}", hex::encode(tag.as_ref()))
    }

    #[test]
    fn a_signature_holds_for_its_key_body_and_time_only() {
        let now = Timestamp::from_secs(1_790_000_000);
        let good = header(1_790_000_100, b"key");

        assert!(is_valid(&good, BODY, b"key", now));
        assert!(!is_valid(&good, BODY, b"another", now));
        assert!(!is_valid(&good, b"{}", b"key", now));
        assert!(!is_valid(&header(1_790_000_301, b"key"), BODY, b"key", now));
        assert!(!is_valid("nonsense", BODY, b"key", now));
    }
}
