//! What an athlete may see of their own.

use kernel::{ActivityId, AthleteId};
use outbox::StoreError;

use super::Core;
use crate::domain::activity::Activity;
use crate::domain::import::Import;
use crate::domain::journal::Entry;
use crate::store;
pub(crate) use crate::store::activities::Place as ActivityPlace;
pub(crate) use crate::store::journal::Place as EntryPlace;

/// The athlete's version; read before what it is the version of.
pub(crate) async fn version(core: &Core, athlete: AthleteId) -> Result<i64, StoreError> {
    core.database.version_of(core.database.readers(), athlete).await
}

/// A page of the athlete's activities, newest first.
pub(crate) async fn activities(
    core: &Core,
    athlete: AthleteId,
    after: Option<ActivityPlace>,
    limit: u32,
) -> Result<Vec<Activity>, StoreError> {
    store::activities::page(core.database.readers(), athlete, after, limit).await
}

/// One activity of the athlete; somebody else's is not there.
pub(crate) async fn activity(
    core: &Core,
    athlete: AthleteId,
    id: ActivityId,
) -> Result<Option<Activity>, StoreError> {
    let found = store::activities::find(core.database.readers(), id).await?;
    Ok(found.filter(|found| found.athlete == athlete && !found.state.is_removed()))
}

/// A page of the athlete's journal, newest first.
pub(crate) async fn journal(
    core: &Core,
    athlete: AthleteId,
    (activity, after): (Option<ActivityId>, Option<EntryPlace>),
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    store::journal::page(core.database.readers(), athlete, activity, after, limit).await
}

/// How far the reading of the athlete's past has come.
pub(crate) async fn imports(core: &Core, athlete: AthleteId) -> Result<Vec<Import>, StoreError> {
    store::imports::all_of(core.database.readers(), athlete).await
}
