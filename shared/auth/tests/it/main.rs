//! The verifier with valid tokens, and with every kind of invalid one.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod extractors;
mod fuzzing;
mod issuer;
mod revoking;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use auth::{KeySet, KeySource, Permission, TokenRejection, Verifier, VerifierSettings};
use issuer::{ATHLETE, Issuer, NOW, claims, claims_with, forged};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{ManualClock, Timestamp};
use lifecycle::Tasks;
use serde_json::json;
use testkit::TokenSigner;

const REFETCH_INTERVAL: Duration = Duration::from_secs(10);

pub(crate) fn settings() -> VerifierSettings {
    VerifierSettings {
        issuer: "https://issuer.example".to_owned(),
        clients: vec!["web".to_owned(), "cli".to_owned()],
        groups: BTreeMap::from([
            ("Admin".to_owned(), Permission::Admin),
            ("User".to_owned(), Permission::User),
        ]),
        max_life_s: 86_400,
    }
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_secs(NOW)))
}

pub(crate) fn fixed_verifier(key: &TokenSigner) -> Arc<Verifier> {
    let keys = KeySource::Fixed(KeySet::parse(&key.jwks()).unwrap());
    Arc::new(Verifier::new(settings(), keys, clock()))
}

fn fetching_verifier(address: &str, clock: Arc<ManualClock>) -> Verifier {
    let http = telemetry::http_client(Duration::from_secs(5)).unwrap();
    let source = KeySource::Fetched {
        url: address.parse().unwrap(),
        http,
        min_refetch_interval: REFETCH_INTERVAL,
    };
    Verifier::new(settings(), source, clock)
}

#[tokio::test]
async fn a_valid_token_has_an_athlete_and_permissions() {
    let key = TokenSigner::generate("one");
    let verifier = fixed_verifier(&key);

    let accepted = verifier.verify(&key.sign(&claims())).await.unwrap();

    assert_eq!(accepted.sub.to_string(), ATHLETE);
    assert_eq!(verifier.permissions(&accepted.groups), [Permission::User]);
    let second_client = key.sign(&claims_with("client_id", json!("cli")));
    assert!(verifier.verify(&second_client).await.is_ok());
}

#[tokio::test]
async fn a_token_with_a_wrong_claim_is_refused() {
    let key = TokenSigner::generate("one");
    let verifier = fixed_verifier(&key);
    let refused = async |claims| verifier.verify(&key.sign(&claims)).await.unwrap_err();

    let wrong_issuer = claims_with("iss", json!("https://issuer.example.evil"));
    assert!(matches!(refused(wrong_issuer).await, TokenRejection::Invalid(_)));
    for token_use in [json!("id"), json!("refresh"), json!("")] {
        assert!(matches!(
            refused(claims_with("token_use", token_use)).await,
            TokenRejection::NotAccessToken
        ));
    }
    for client in [json!("other"), json!("")] {
        assert!(matches!(
            refused(claims_with("client_id", client)).await,
            TokenRejection::WrongClient
        ));
    }
    assert!(matches!(
        refused(claims_with("sub", json!("not a uuid"))).await,
        TokenRejection::Invalid(_)
    ));
    for missing in ["iss", "token_use", "client_id", "exp", "sub"] {
        let mut without = claims();
        without.as_object_mut().unwrap().remove(missing);
        refused(without).await;
    }
}

#[tokio::test]
async fn a_token_is_accepted_until_a_minute_after_its_expiry() {
    let key = TokenSigner::generate("one");
    let verifier = fixed_verifier(&key);
    let ending = |exp| key.sign(&claims_with("exp", json!(exp)));

    assert!(verifier.verify(&ending(NOW - 59)).await.is_ok());
    assert!(matches!(verifier.verify(&ending(NOW - 61)).await, Err(TokenRejection::Expired)));
}

#[tokio::test]
async fn a_token_is_refused_until_a_minute_before_its_beginning() {
    let key = TokenSigner::generate("one");
    let verifier = fixed_verifier(&key);
    let beginning = |nbf| key.sign(&claims_with("nbf", json!(nbf)));

    assert!(verifier.verify(&beginning(NOW + 59)).await.is_ok());
    assert!(matches!(
        verifier.verify(&beginning(NOW + 61)).await,
        Err(TokenRejection::NotYetValid)
    ));
}

#[tokio::test]
async fn a_token_that_is_valid_for_longer_than_a_day_or_of_unknown_age_is_refused() {
    let key = TokenSigner::generate("one");
    let verifier = fixed_verifier(&key);
    let ending = |exp| key.sign(&claims_with("exp", json!(exp)));

    assert!(verifier.verify(&ending(NOW + 86_400)).await.is_ok());
    let refused = verifier.verify(&ending(NOW + 86_401)).await;
    assert!(matches!(refused, Err(TokenRejection::TooLong)), "{refused:?}");
    let mut ageless = claims();
    ageless.as_object_mut().unwrap().remove("iat");
    let refused = verifier.verify(&key.sign(&ageless)).await;
    assert!(matches!(refused, Err(TokenRejection::TooLong)), "{refused:?}");
}

#[tokio::test]
async fn a_rotated_key_verifies_what_it_signed_before_until_it_retires() {
    let key = TokenSigner::generate("former");
    let mut set: serde_json::Value = serde_json::from_str(&key.jwks()).unwrap();
    set["keys"][0]["rotated_at"] = json!(NOW);
    set["keys"][0]["exp"] = json!(NOW + 3600);
    let (clock, keys) = (clock(), KeySource::Fixed(KeySet::parse(&set.to_string()).unwrap()));
    let verifier = Verifier::new(settings(), keys, clock.clone());
    let mut forged = claims_with("iat", json!(NOW + 1));
    forged["exp"] = json!(NOW + 10_000);
    let before = key.sign(&claims_with("exp", json!(NOW + 10_000)));

    assert!(verifier.verify(&before).await.is_ok());
    let refused = verifier.verify(&key.sign(&forged)).await;
    assert!(matches!(refused, Err(TokenRejection::IssuedAfterRotation)), "{refused:?}");
    clock.advance(Duration::from_secs(3599));
    assert!(verifier.verify(&before).await.is_ok());
    clock.advance(Duration::from_secs(1));
    assert!(matches!(verifier.verify(&before).await, Err(TokenRejection::UnknownKey)));
}

#[tokio::test]
async fn made_up_keys_keep_a_new_key_out_for_one_interval_at_most() {
    let (old, new) = (TokenSigner::generate("old"), TokenSigner::generate("new"));
    let (issuer, tasks, clock) = (Issuer::with(&[&old]), Tasks::new(), clock());
    let verifier = fetching_verifier(&issuer.start(&tasks), clock.clone());
    assert!(verifier.verify(&old.sign(&claims())).await.is_ok());
    assert!(verifier.verify(&new.sign_as("made up 1", &claims())).await.is_err());
    issuer.publish(&[&old, &new]);
    clock.advance(REFETCH_INTERVAL.saturating_sub(Duration::from_secs(1)));
    assert!(verifier.verify(&new.sign_as("made up 2", &claims())).await.is_err());
    assert!(verifier.verify(&new.sign(&claims())).await.is_err(), "the issuer is spared");

    clock.advance(Duration::from_secs(1));
    assert!(verifier.verify(&new.sign_as("made up 3", &claims())).await.is_err());

    assert!(verifier.verify(&new.sign(&claims())).await.is_ok());
    assert_eq!(issuer.request_count(), 3);
}

#[tokio::test]
async fn a_token_that_demands_an_unknown_extension_is_refused() {
    let key = TokenSigner::generate("one");
    let verifier = fixed_verifier(&key);
    let header = json!({"alg": "RS256", "kid": "one", "crit": ["b64"], "b64": false});

    let demanding = key.sign_with(&header, &claims());

    let refused = verifier.verify(&demanding).await;
    assert!(matches!(refused, Err(TokenRejection::UnsupportedExtension)), "{refused:?}");
    let plain = key.sign_with(&json!({"alg": "RS256", "kid": "one"}), &claims());
    assert!(verifier.verify(&plain).await.is_ok());
}

#[tokio::test]
async fn a_token_without_a_valid_rs256_signature_is_refused() {
    let (key, other) = (TokenSigner::generate("one"), TokenSigner::generate("two"));
    let verifier = fixed_verifier(&key);

    for alg in ["none", "None", "NONE", ""] {
        let unsigned = forged(&json!({"alg": alg, "typ": "JWT", "kid": "one"}), b"");
        assert!(verifier.verify(&unsigned).await.is_err(), "alg={alg}");
    }
    // The public key as the secret of an HMAC: the classic confusion of algorithms.
    let public = serde_json::to_string(key.public_key()).unwrap();
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
    let confused =
        jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(public.as_bytes()))
            .unwrap();
    assert!(matches!(verifier.verify(&confused).await, Err(TokenRejection::UnsupportedAlgorithm)));

    let by_another = other.sign_as("one", &claims());
    assert!(matches!(verifier.verify(&by_another).await, Err(TokenRejection::Invalid(_))));
    assert!(matches!(
        verifier.verify(&other.sign(&claims())).await,
        Err(TokenRejection::UnknownKey)
    ));

    let good = key.sign(&claims());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let changed = forged(&json!({}), b"").split('.').nth(1).unwrap().replace('A', "B");
    assert!(verifier.verify(&format!("{header}.{changed}.{signature}")).await.is_err());
    for nonsense in ["", ".", "..", "a.b.c", "Bearer", &head[..20]] {
        assert!(verifier.verify(nonsense).await.is_err(), "{nonsense:?}");
    }
}

#[tokio::test]
async fn a_new_key_is_accepted_once_a_token_names_it() {
    let (old, new) = (TokenSigner::generate("old"), TokenSigner::generate("new"));
    let (issuer, tasks, clock) = (Issuer::with(&[&old]), Tasks::new(), clock());
    let verifier = fetching_verifier(&issuer.start(&tasks), clock.clone());
    assert!(verifier.verify(&old.sign(&claims())).await.is_ok());

    issuer.publish(&[&old, &new]);

    assert!(verifier.verify(&new.sign(&claims())).await.is_ok());
    assert!(verifier.verify(&old.sign(&claims())).await.is_ok());
    assert_eq!(issuer.request_count(), 2);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_causes_one_fetch_per_interval() {
    let (known, stranger) = (TokenSigner::generate("known"), TokenSigner::generate("stranger"));
    let (issuer, tasks, clock) = (Issuer::with(&[&known]), Tasks::new(), clock());
    let verifier = fetching_verifier(&issuer.start(&tasks), clock.clone());
    assert!(verifier.verify(&known.sign(&claims())).await.is_ok());

    let flood = (0..50).map(|n| stranger.sign_as(&format!("unknown {n}"), &claims()));
    let flood: Vec<String> = flood.collect();
    let answers = futures::future::join_all(flood.iter().map(|token| verifier.verify(token))).await;

    assert!(answers.iter().all(|answer| matches!(answer, Err(TokenRejection::UnknownKey))));
    assert_eq!(issuer.request_count(), 2, "the first fetch, and one for the flood");
    clock.advance(REFETCH_INTERVAL);
    assert!(verifier.verify(&flood[0]).await.is_err());
    assert_eq!(issuer.request_count(), 3);
}

#[tokio::test]
async fn stale_keys_stay_valid_while_the_issuer_is_unavailable() {
    let key = TokenSigner::generate("one");
    let (issuer, tasks, clock) = (Issuer::with(&[&key]), Tasks::new(), clock());
    let verifier = fetching_verifier(&issuer.start(&tasks), clock.clone());
    let token = key.sign(&claims_with("exp", json!(NOW + 80_000)));
    assert!(verifier.verify(&token).await.is_ok());

    issuer.unavailable.store(true, Ordering::SeqCst);
    clock.advance(Duration::from_hours(2));

    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(issuer.request_count(), 2, "the stale set was refetched");
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(issuer.request_count(), 2, "no refetch right after a failure");
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_within_an_hour() {
    let (leaked, new) = (TokenSigner::generate("leaked"), TokenSigner::generate("new"));
    let (issuer, tasks, clock) = (Issuer::with(&[&leaked]), Tasks::new(), clock());
    let verifier = fetching_verifier(&issuer.start(&tasks), clock.clone());
    let token = leaked.sign(&claims_with("exp", json!(NOW + 80_000)));
    assert!(verifier.verify(&token).await.is_ok());

    issuer.publish(&[&new]);
    clock.advance(Duration::from_hours(1));

    assert!(matches!(verifier.verify(&token).await, Err(TokenRejection::UnknownKey)));
}

#[tokio::test]
async fn an_issuer_never_reached_is_an_outage_and_is_retried_soon() {
    let key = TokenSigner::generate("one");
    let (issuer, tasks, clock) = (Issuer::with(&[&key]), Tasks::new(), clock());
    issuer.unavailable.store(true, Ordering::SeqCst);
    let verifier = fetching_verifier(&issuer.start(&tasks), clock.clone());
    let token = key.sign(&claims());

    assert!(matches!(verifier.verify(&token).await, Err(TokenRejection::KeysUnavailable(_))));
    assert!(matches!(verifier.verify(&token).await, Err(TokenRejection::KeysUnavailable(_))));
    assert_eq!(issuer.request_count(), 1);

    issuer.unavailable.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_secs(5));
    assert!(verifier.verify(&token).await.is_ok());
}
