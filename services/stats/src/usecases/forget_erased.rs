//! Drops the last trace of what was erased, once the log has forgotten it too.

use std::time::Duration;

use outbox::StoreError;

use super::Core;
use crate::store::facts;

/// The log keeps 48 h; a day more, for whoever reads late.
const LOG_FORGETS_AFTER: Duration = Duration::from_hours(72);

/// Drops ids and revisions of what was erased long enough ago.
pub(crate) async fn forget_erased(core: &Core) -> Result<u64, StoreError> {
    let plain = core.store.database().plain().await?;
    let gone =
        facts::forget_erased(plain.conn(), core.clock.now().minus(LOG_FORGETS_AFTER)).await?;
    plain.commit().await?;
    Ok(gone)
}
