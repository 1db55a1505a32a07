//! Deletes the last trace of what was erased, once the log has forgotten it too.

use std::time::Duration;

use outbox::StoreError;

use super::ServiceContext;
use crate::store::facts;

/// Age at which the trace of an erased activity is deleted: the log keeps records for 48 h; a day
/// more is for consumers that lag.
const PURGE_AFTER: Duration = Duration::from_hours(72);

/// Deletes ids and revisions of what was erased long enough ago.
pub(crate) async fn purge_erased(ctx: &ServiceContext) -> Result<(), StoreError> {
    let erased_before = ctx.now().minus(PURGE_AFTER);
    facts::delete_erased_before(ctx.database.writer(), erased_before).await?;
    Ok(())
}
