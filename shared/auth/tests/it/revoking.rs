//! Tokens of ended sessions.

use std::sync::Arc;

use auth::{NotBefore, SessionRevocations, TokenRejection};
use kernel::{AthleteId, Timestamp};
use serde_json::{Value, json};
use testkit::TokenSigner;

use crate::fixed_verifier;
use crate::issuer::{ATHLETE, NOW, claims, claims_with};

/// Ends what this athlete began before this second; without one, nobody can say.
struct Revocations(Option<i64>);

impl SessionRevocations for Revocations {
    fn not_before(&self, athlete: AthleteId) -> NotBefore<'_> {
        Box::pin(async move {
            let ended = self.0.ok_or_else(|| anyhow::anyhow!("the database is away"))?;
            let of_athlete = athlete.to_string() == ATHLETE;
            Ok(of_athlete.then(|| Timestamp::from_secs(ended)))
        })
    }
}

async fn verify(ended: Option<i64>, claims: &Value) -> Result<(), TokenRejection> {
    let key = TokenSigner::shared();
    let verifier = fixed_verifier(key).with_revocations(Arc::new(Revocations(ended)));
    verifier.verify(&key.sign(claims)).await.map(drop)
}

#[tokio::test]
async fn a_token_from_before_the_end_of_the_sessions_is_refused_and_a_later_one_is_not() {
    let refused = verify(Some(NOW + 1), &claims()).await;
    assert!(matches!(refused, Err(TokenRejection::Revoked)), "{refused:?}");
    assert!(verify(Some(NOW), &claims()).await.is_ok());
    let another = json!("01930000-0000-7000-8000-00000000ffff");
    assert!(verify(Some(NOW + 1), &claims_with("sub", another)).await.is_ok());
}

#[tokio::test]
async fn where_nobody_can_say_whether_it_ended_no_token_is_believed() {
    let refused = verify(None, &claims()).await;
    assert!(matches!(refused, Err(TokenRejection::RevocationsUnavailable(_))), "{refused:?}");
}
