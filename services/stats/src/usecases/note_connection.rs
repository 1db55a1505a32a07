//! Notes how a connection now is: what was lost is no longer shown in public.

use outbox::{StoreError, again_if_contended};

use super::Core;
use crate::domain::connection::Connection;
use crate::store::connections;

/// Notes it, unless what is noted is as new or newer.
pub(crate) async fn note_connection(core: &Core, now: &Connection) -> Result<(), StoreError> {
    if again_if_contended(|| once(core, now)).await? {
        core.committed(now.athlete);
    }
    Ok(())
}

async fn once(core: &Core, now: &Connection) -> Result<bool, StoreError> {
    let effect = core.store.database().effect(now.athlete).await?;
    let origin = contracts::Origin { application: now.application, generation: now.generation };
    if effect.is_fenced(&[origin]) || !connections::put(effect.conn(), now).await? {
        return Ok(false);
    }
    // No new version: the athlete's numbers are what they were.
    effect.commit().await?;
    Ok(true)
}
