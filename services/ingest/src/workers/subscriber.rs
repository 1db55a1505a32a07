//! Keeps trying until Strava's subscription leads to us.

use std::time::Duration;

use lifecycle::Stop;

use crate::usecases::Core;
use crate::usecases::subscribe::{NotSubscribed, subscribe};
use crate::usecases::take_event::Intake;

const LONGEST: Duration = Duration::from_mins(15);

/// Subscribes once there is a public address; a setting that is missing is no reason to try again.
pub(crate) async fn run(core: Core, intake: Intake, soft: Stop) -> anyhow::Result<()> {
    if core.settings.public_url.is_none() {
        return Ok(());
    }
    let mut pause = Duration::from_secs(2);
    while !soft.is_stopped() {
        match subscribe(&core, &intake).await {
            Ok(id) => {
                tracing::info!(subscription = id, "Strava tells us what happens");
                return Ok(());
            }
            Err(error @ (NotSubscribed::Unset(_) | NotSubscribed::BadAddress)) => {
                tracing::error!(%error, "no webhook will reach us");
                return Ok(());
            }
            Err(error) => tracing::warn!(%error, ?pause, "not subscribed yet"),
        }
        soft.run_until_stopped(tokio::time::sleep(pause)).await;
        pause = (pause * 2).min(LONGEST);
    }
    Ok(())
}
