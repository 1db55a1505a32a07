//! Tokens that were changed.

use testkit::TokenSigner;

use crate::fixed_verifier;
use crate::issuer::claims;

#[test]
fn no_changed_token_is_accepted() {
    let key = TokenSigner::generate("one");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (verifier, valid) = (fixed_verifier(&key), key.sign(&claims()));
    assert!(runtime.block_on(verifier.verify(&valid)).is_ok());
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/fuzz/token");

    testkit::fuzz(corpus.as_ref(), &[valid.clone().into_bytes()], |token| {
        let token = String::from_utf8_lossy(token);
        assert!(token == valid || runtime.block_on(verifier.verify(&token)).is_err(), "accepted");
    });
}
