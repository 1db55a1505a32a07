//! Retries until the push subscription leads to this installation.

use std::time::Duration;

use lifecycle::Stop;

use crate::usecases::ServiceContext;
use crate::usecases::accept_event::Intake;
use crate::usecases::ensure_subscription::{SubscribeError, ensure_subscription};

const MIN_PAUSE: Duration = Duration::from_secs(2);
const MAX_PAUSE: Duration = Duration::from_mins(15);

/// Subscribes if there is a public address. A missing setting is not retried.
pub(crate) async fn run(ctx: ServiceContext, intake: Intake, soft: Stop) -> anyhow::Result<()> {
    if ctx.settings.public_url.is_none() {
        return Ok(());
    }
    let mut pause = MIN_PAUSE;
    while !soft.is_stopped() {
        match ensure_subscription(&ctx, &intake).await {
            Ok(id) => {
                tracing::info!(subscription = id, "subscribed to Strava's webhooks");
                return Ok(());
            }
            Err(error @ (SubscribeError::Unset(_) | SubscribeError::InvalidCallback)) => {
                tracing::error!(%error, "cannot subscribe to Strava's webhooks");
                return Ok(());
            }
            Err(error) => tracing::warn!(%error, ?pause, "not subscribed yet"),
        }
        soft.run_until_stopped(tokio::time::sleep(pause)).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
    Ok(())
}
