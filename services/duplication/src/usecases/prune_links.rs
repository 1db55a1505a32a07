//! Deletes links that ended long ago, or were never answered, and invitations that have expired.

use outbox::StoreError;

use super::ServiceContext;
use crate::store::{invitations, links};

/// Deletes what is too old; the writer takes each statement as a transaction of its own.
pub(crate) async fn prune_links(ctx: &ServiceContext) -> Result<(), StoreError> {
    let now = ctx.clock.now();
    invitations::delete_expired(ctx.database.writer(), now).await?;
    let ended_before = now.minus(ctx.settings.ended_link_retention());
    links::delete_ended_before(ctx.database.writer(), ended_before).await?;
    Ok(())
}
