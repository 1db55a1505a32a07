//! Queries of athletes about their own data.

use kernel::{ActivityId, AthleteId};
use outbox::StoreError;

use super::ServiceContext;
use crate::domain::activity::Activity;
use crate::domain::backfill::Backfill;
use crate::domain::expiring::Expiring;
use crate::domain::export::Export;
use crate::domain::journal::JournalEntry;
use crate::store;
pub(crate) use crate::store::activities::ActivityCursor;
pub(crate) use crate::store::journal::JournalCursor;

/// Returns the athlete's version. To be read before the data it is the version of.
pub(crate) async fn athlete_version(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<i64, StoreError> {
    ctx.database.version_of(ctx.database.readers(), athlete).await
}

/// Lists a page of the athlete's activities, newest first.
pub(crate) async fn list_activities(
    ctx: &ServiceContext,
    athlete: AthleteId,
    after: Option<ActivityCursor>,
    limit: u32,
) -> Result<Vec<Activity>, StoreError> {
    store::activities::list_page(ctx.database.readers(), athlete, after, limit).await
}

/// Finds an activity of the athlete; none if it is removed or another athlete's.
pub(crate) async fn find_activity(
    ctx: &ServiceContext,
    athlete: AthleteId,
    id: ActivityId,
) -> Result<Option<Activity>, StoreError> {
    let activity = store::activities::find(ctx.database.readers(), id).await?;
    Ok(activity.filter(|activity| activity.athlete == athlete && !activity.state.is_removed()))
}

/// Lists a page of the athlete's journal, newest first.
pub(crate) async fn list_journal(
    ctx: &ServiceContext,
    athlete: AthleteId,
    activity: Option<ActivityId>,
    after: Option<JournalCursor>,
    limit: u32,
) -> Result<Vec<JournalEntry>, StoreError> {
    store::journal::list_page(ctx.database.readers(), athlete, activity, after, limit).await
}

/// Lists the backfills of the athlete's connections.
pub(crate) async fn list_backfills(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<Vec<Backfill>, StoreError> {
    store::backfills::list_for_athlete(ctx.database.readers(), athlete).await
}

/// Finds the athlete's newest export.
pub(crate) async fn find_export(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<Option<Export>, StoreError> {
    store::exports::find(ctx.database.readers(), athlete).await
}

/// Counts the athlete's streams and facts that can expire.
pub(crate) async fn count_expiring(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<(Expiring, Expiring), StoreError> {
    let readers = ctx.database.readers();
    let streams = store::observations::count_streams(readers, athlete).await?;
    let facts = store::observations::count_facts(readers, athlete).await?;
    Ok((streams, facts))
}
