//! Records Strava's hint that an athlete withdrew access. A hint proves nothing: a refresh confirms it.

use kernel::{ApplicationId, StravaAthleteId};
use outbox::StoreError;

use super::ServiceContext;
use super::connection::run_locked;
use crate::domain::connection::ConnectionState;
use crate::store::connections;

/// Records the hint, for the worker to confirm.
pub(crate) async fn record_hint(
    ctx: &ServiceContext,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
) -> Result<(), StoreError> {
    let readers = ctx.database.readers();
    let Some(holder) = connections::find_holder(readers, application, strava_athlete).await? else {
        return Ok(());
    };
    let recorded = run_locked(ctx, "record_hint", &holder.id, |tx, mut connection| async move {
        if connection.state == ConnectionState::Disconnected
            || connection.strava_athlete != strava_athlete
        {
            return Ok(tx.unchanged(false));
        }
        connection.hinted_at = Some(ctx.now());
        connection.check_due = connection.hinted_at;
        connections::update(tx.conn(), &connection).await?;
        Ok(true)
    })
    .await?;
    if recorded {
        ctx.failpoints.hit("token.hint-noted");
        ctx.checks_wanted.notify_one();
    }
    Ok(())
}
