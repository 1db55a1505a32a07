//! The application's one push subscription points to us.

use kernel::Timestamp;
use outbox::StoreError;
use secrecy::{ExposeSecret, SecretString};
use strava_client::{AppCredentials, StravaError};
use url::Url;

use super::Core;
use super::take_event::Intake;
use crate::store;

/// The longest address Strava takes.
const LONGEST: usize = 255;

/// Why there is no subscription.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSubscribed {
    #[error("{0} is not set")]
    Unset(&'static str),
    #[error("the address of the webhook is no address, or longer than {LONGEST} characters")]
    BadAddress,
    #[error("strava refused a subscription call: {0}")]
    Strava(#[from] StravaError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a subscription is made with.
struct Wish {
    app: AppCredentials,
    callback: String,
    verify_token: SecretString,
}

/// Makes sure of it: lists, creates or replaces as needed, and remembers the id.
pub(crate) async fn subscribe(core: &Core, intake: &Intake) -> Result<i64, NotSubscribed> {
    let wish = wish(core)?;
    intake.expect_subscription(true);
    let subscribed = ensure(core, intake, &wish).await;
    intake.expect_subscription(false);
    subscribed
}

async fn ensure(core: &Core, intake: &Intake, wish: &Wish) -> Result<i64, NotSubscribed> {
    let client = &core.strava.client;
    let began = core.now();
    let mut ours = None;
    for found in client.list_subscriptions(&wish.app).await?.body {
        // Also one that is about to be replaced: its last events are still under way.
        keep(core, intake, found.id, began).await?;
        if found.callback_url == wish.callback {
            ours = Some(found.id);
        } else {
            tracing::info!(
                subscription = found.id,
                "replacing a subscription that leads elsewhere"
            );
            client.delete_subscription(&wish.app, found.id).await?;
        }
    }
    let id = match ours {
        Some(id) => id,
        None => {
            client
                .create_subscription(&wish.app, &wish.callback, wish.verify_token.expose_secret())
                .await?
                .body
                .id
        }
    };
    keep(core, intake, id, core.now()).await?;
    store::subscriptions::keep_only(core.database.writer(), core.application(), id, began).await?;
    intake.learn().await?;
    Ok(id)
}

async fn keep(core: &Core, intake: &Intake, id: i64, now: Timestamp) -> Result<(), StoreError> {
    store::subscriptions::add(core.database.writer(), core.application(), id, now).await?;
    intake.learn().await
}

fn wish(core: &Core) -> Result<Wish, NotSubscribed> {
    let settings = &core.settings;
    let public = settings.public_url.as_ref().ok_or(NotSubscribed::Unset("ingest.public_url"))?;
    let client_secret =
        settings.client_secret.clone().ok_or(NotSubscribed::Unset("ingest.client_secret"))?;
    let verify_token =
        settings.verify_token.clone().ok_or(NotSubscribed::Unset("ingest.verify_token"))?;
    let path = match &settings.webhook_secret {
        Some(secret) => format!("webhook/{}", secret.expose_secret()),
        None if settings.bare_webhook => "webhook".to_owned(),
        None => return Err(NotSubscribed::Unset("ingest.webhook_secret")),
    };
    let callback = callback(public, &path).filter(|callback| callback.len() <= LONGEST);
    Ok(Wish {
        app: AppCredentials { client_id: core.application(), client_secret },
        callback: callback.ok_or(NotSubscribed::BadAddress)?,
        verify_token,
    })
}

fn callback(public: &Url, path: &str) -> Option<String> {
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
                callback(&public, "webhook/s").unwrap(),
                "https://example.org/paceline/webhook/s"
            );
        }
    }
}
