//! `X-Strava-Signature: t=<unix seconds>,v1=<hex>`: checked only where a key is configured.

use std::time::Duration;

use aws_lc_rs::hmac;
use kernel::Timestamp;

const TOLERANCE: Duration = Duration::from_mins(5);

/// Whether the header signs this body with this key, at about this time.
pub(crate) fn is_valid(header: &str, body: &[u8], key: &[u8], now: Timestamp) -> bool {
    let field = |name: &str| header.split(',').find_map(|part| part.trim().strip_prefix(name));
    let (Some(time), Some(signature)) = (field("t="), field("v1=")) else { return false };
    let (Ok(at), Ok(signature)) = (time.parse(), hex::decode(signature)) else { return false };
    let at = Timestamp::from_secs(at);
    if now.since(at).max(at.since(now)) > TOLERANCE {
        return false;
    }
    let signed = [time.as_bytes(), b".", body].concat();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), &signed, &signature).is_ok()
}

/// Whether two secrets are the same, in a time that says nothing about where they differ.
pub(crate) fn same(given: &str, wanted: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(given.as_bytes(), wanted.as_bytes()).is_ok()
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
