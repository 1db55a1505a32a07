//! The key that signs sessions.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use auth::{KeySet, KeySource, Verifier, VerifierSettings};
use identity::SigningKeys;
use kernel::Timestamp;
use tempfile::TempDir;
use testkit::TestDatabase;

use crate::test_app::{ISSUER, PASSWORD, TestApp, key_file};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const SESSION: Duration = Duration::from_hours(1);

fn verifier_settings() -> VerifierSettings {
    VerifierSettings {
        issuer: ISSUER.to_owned(),
        clients: Vec::new(),
        groups: [].into(),
        max_life_s: 86_400,
    }
}

/// The key ids of the key set.
fn ids(keys: &SigningKeys) -> Vec<String> {
    let set: serde_json::Value = serde_json::from_str(keys.jwks()).unwrap();
    let ids = set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

#[test]
fn the_key_is_made_once_and_only_we_may_read_it() {
    let folder = TempDir::new().unwrap();
    let path = key_file(&folder);

    let (first, second) =
        (SigningKeys::open(&path, NOW).unwrap(), SigningKeys::open(&path, NOW).unwrap());

    assert_eq!(first.jwks(), second.jwks());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let files: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
}

#[test]
fn a_key_that_was_never_finished_does_not_stop_the_next_start() {
    let folder = TempDir::new().unwrap();
    let path = key_file(&folder);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path.with_extension("key.new"), b"half a k").unwrap();

    assert!(SigningKeys::open(&path, NOW).is_ok());
    assert!(SigningKeys::open(&path, NOW).is_ok());
}

#[test]
fn a_file_that_holds_no_key_is_named() {
    let folder = TempDir::new().unwrap();
    let path = key_file(&folder);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, b"").unwrap();

    let error = SigningKeys::open(&path, NOW).unwrap_err().to_string();

    assert!(error.contains("identity.key") && error.contains("holds no signing key"), "{error}");
}

#[tokio::test]
async fn sessions_of_the_former_key_are_valid_after_a_rotation_for_as_long_as_one_lasts() {
    let folder = TempDir::new().unwrap();
    let path = key_file(&folder);
    let former = SigningKeys::open(&path, NOW).unwrap();

    let rotated = SigningKeys::rotate(&path, NOW, SESSION).unwrap();

    assert_eq!((ids(&former).len(), ids(&rotated).len()), (1, 2));
    assert!(ids(&rotated).contains(&ids(&former)[0]));
    let set: serde_json::Value = serde_json::from_str(rotated.jwks()).unwrap();
    assert_eq!(set["keys"][1]["rotated_at"], NOW.as_secs());
    assert_eq!(set["keys"][1]["exp"], NOW.plus(SESSION).as_secs());
    assert!(set["keys"][0].get("exp").is_none(), "the current key has no end");
    let open = |now: Timestamp| ids(&SigningKeys::open(&path, now).unwrap());
    assert_eq!(open(NOW.plus(SESSION).minus(Duration::from_secs(1))), ids(&rotated));
    assert_eq!(open(NOW.plus(SESSION)), ids(&rotated)[..1]);
}

#[test]
fn a_second_rotation_retires_the_key_before_the_former_one() {
    let folder = TempDir::new().unwrap();
    let path = key_file(&folder);
    let first = SigningKeys::open(&path, NOW).unwrap();
    let second = SigningKeys::rotate(&path, NOW, SESSION).unwrap();

    let third = SigningKeys::rotate(&path, NOW, SESSION).unwrap();

    assert!(!ids(&third).contains(&ids(&first)[0]));
    assert_eq!(ids(&third)[1], ids(&second)[0]);
}

#[test]
fn a_former_key_whose_rotation_nobody_knows_has_retired() {
    let folder = TempDir::new().unwrap();
    let path = key_file(&folder);
    SigningKeys::open(&path, NOW).unwrap();
    let rotated = SigningKeys::rotate(&path, NOW, SESSION).unwrap();
    std::fs::remove_file(path.with_extension("key.rotation")).unwrap();

    assert_eq!(ids(&SigningKeys::open(&path, NOW).unwrap()), ids(&rotated)[..1]);
}

#[tokio::test]
async fn the_published_key_set_verifies_tokens_and_holds_no_private_part() {
    let database = TestDatabase::sqlite();
    let app = TestApp::new(&database).await;
    app.add_user("ana@example.org", false).await;
    let token = app.sign_in("ana@example.org", PASSWORD).await.token().to_owned();

    let published = app.get("/.well-known/jwks.json", "").await.body;

    let key = published["keys"][0].as_object().unwrap();
    let mut members: Vec<_> = key.keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    let settings = verifier_settings();
    let keys = KeySource::Fixed(KeySet::parse(&published.to_string()).unwrap());
    let elsewhere = Arc::new(Verifier::new(settings, keys, app.clock.clone()));
    assert!(elsewhere.verify(&token).await.is_ok());
}
