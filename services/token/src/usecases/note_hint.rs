//! Notes Strava's hint that an athlete withdrew access. A hint is no truth: a refresh will tell.

use kernel::{ApplicationId, StravaAthleteId};
use outbox::{StoreError, again_if_contended};

use super::{Means, refresh};
use crate::domain::connection::State;
use crate::store::{save, subject_of_hint};

/// Notes the hint, for the worker to confirm.
pub(crate) async fn note_hint(
    means: &Means,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
) -> Result<(), StoreError> {
    again_if_contended(|| note(means, application, strava_athlete)).await?;
    means.due.notify_one();
    Ok(())
}

async fn note(
    means: &Means,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
) -> Result<(), StoreError> {
    let Some(known) = subject_of_hint(&means.database, application, strava_athlete).await? else {
        return Ok(());
    };
    let Some((effect, mut connection)) = refresh::locked(means, &known.id).await? else {
        return Ok(());
    };
    if connection.state == State::Disconnected || connection.strava_athlete != strava_athlete {
        return Ok(());
    }
    let now = means.now();
    connection.hinted_at = Some(now);
    connection.check_due = Some(now);
    save(effect.conn(), &connection).await?;
    effect.commit().await?;
    means.failpoints.hit("token.hint-noted");
    Ok(())
}
