//! Records Strava's hint that an athlete withdrew access. A hint proves nothing: a refresh confirms it.

use kernel::{ApplicationId, StravaAthleteId};
use outbox::{StoreError, again_if_contended};

use super::ServiceContext;
use super::connection::load_for_update;
use crate::domain::connection::ConnectionState;
use crate::store::connections;

/// Records the hint, for the worker to confirm.
pub(crate) async fn record_hint(
    ctx: &ServiceContext,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
) -> Result<(), StoreError> {
    again_if_contended(|| try_record_hint(ctx, application, strava_athlete)).await?;
    ctx.checks_wanted.notify_one();
    Ok(())
}

async fn try_record_hint(
    ctx: &ServiceContext,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
) -> Result<(), StoreError> {
    let readers = ctx.database.readers();
    let Some(holder) = connections::find_holder(readers, application, strava_athlete).await? else {
        return Ok(());
    };
    let Some((tx, mut connection)) = load_for_update(ctx, &holder.id).await? else {
        return Ok(());
    };
    if connection.state == ConnectionState::Disconnected
        || connection.strava_athlete != strava_athlete
    {
        return Ok(());
    }
    let now = ctx.now();
    connection.hinted_at = Some(now);
    connection.check_due = Some(now);
    connections::update(tx.conn(), &connection).await?;
    tx.commit().await?;
    ctx.failpoints.hit("token.hint-noted");
    Ok(())
}
