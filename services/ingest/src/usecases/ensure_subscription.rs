//! Ensures that the application's one push subscription leads to this installation.

use kernel::Timestamp;
use outbox::StoreError;
use secrecy::{ExposeSecret, SecretString};
use strava_client::{AppCredentials, StravaError};
use url::Url;

use super::ServiceContext;
use super::accept_event::Intake;
use crate::store;

/// Maximum length of a callback address.
const MAX_CALLBACK_LENGTH: usize = 255;

/// Error of subscribing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubscribeError {
    #[error("{0} is not set")]
    Unset(&'static str),
    #[error(
        "the address of the webhook is invalid or longer than {MAX_CALLBACK_LENGTH} characters"
    )]
    InvalidCallback,
    #[error("strava refused a subscription call: {0}")]
    Strava(#[from] StravaError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Parameters of the subscription.
struct SubscriptionRequest {
    app: AppCredentials,
    callback: String,
    verify_token: SecretString,
}

/// Keeps, creates or replaces the subscription. Returns its id, which is stored.
pub(crate) async fn ensure_subscription(
    ctx: &ServiceContext,
    intake: &Intake,
) -> Result<i64, SubscribeError> {
    let request = build_request(ctx)?;
    intake.set_subscribing(true);
    let subscribed = subscribe(ctx, intake, &request).await;
    intake.set_subscribing(false);
    subscribed
}

async fn subscribe(
    ctx: &ServiceContext,
    intake: &Intake,
    request: &SubscriptionRequest,
) -> Result<i64, SubscribeError> {
    let client = &ctx.strava.client;
    let started_at = ctx.now();
    let mut existing = None;
    for subscription in client.list_subscriptions(&request.app).await?.body {
        // Stored even if it is replaced next: its last events may still arrive.
        store_subscription(ctx, intake, subscription.id, started_at).await?;
        if subscription.callback_url == request.callback {
            existing = Some(subscription.id);
        } else {
            tracing::info!(
                subscription = subscription.id,
                "subscription of another address replaced"
            );
            client.delete_subscription(&request.app, subscription.id).await?;
        }
    }
    let id = match existing {
        Some(id) => id,
        None => {
            let token = request.verify_token.expose_secret();
            client.create_subscription(&request.app, &request.callback, token).await?.body.id
        }
    };
    store_subscription(ctx, intake, id, ctx.now()).await?;
    let writer = ctx.database.writer();
    store::subscriptions::delete_others(writer, ctx.application(), id, started_at).await?;
    intake.reload_subscriptions().await?;
    Ok(id)
}

async fn store_subscription(
    ctx: &ServiceContext,
    intake: &Intake,
    id: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    store::subscriptions::insert(ctx.database.writer(), ctx.application(), id, now).await?;
    intake.reload_subscriptions().await
}

fn build_request(ctx: &ServiceContext) -> Result<SubscriptionRequest, SubscribeError> {
    let settings = &ctx.settings;
    let public = settings.public_url.as_ref().ok_or(SubscribeError::Unset("ingest.public_url"))?;
    let client_secret =
        settings.client_secret.clone().ok_or(SubscribeError::Unset("ingest.client_secret"))?;
    let verify_token =
        settings.verify_token.clone().ok_or(SubscribeError::Unset("ingest.verify_token"))?;
    let path = match &settings.webhook_secret {
        Some(secret) => format!("webhook/{}", secret.expose_secret()),
        None if settings.bare_webhook => "webhook".to_owned(),
        None => return Err(SubscribeError::Unset("ingest.webhook_secret")),
    };
    let callback = callback_url(public, &path).filter(|it| it.len() <= MAX_CALLBACK_LENGTH);
    Ok(SubscriptionRequest {
        app: AppCredentials { client_id: ctx.application(), client_secret },
        callback: callback.ok_or(SubscribeError::InvalidCallback)?,
        verify_token,
    })
}

fn callback_url(public: &Url, path: &str) -> Option<String> {
    let base = public.as_str().trim_end_matches('/');
    Url::parse(&format!("{base}/{path}")).ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_may_have_a_path_of_its_own() {
        for base in ["https://example.org/paceline", "https://example.org/paceline/"] {
            let public: Url = base.parse().unwrap();
            assert_eq!(
                callback_url(&public, "webhook/s").unwrap(),
                "https://example.org/paceline/webhook/s"
            );
        }
    }
}
