//! Seals tokens again that an older key sealed: after it, the older key may leave the ring.

use outbox::StoreError;
use secrecy::ExposeSecret;

use super::ServiceContext;
use super::connection::run_locked;
use crate::store::{TokenKind, connections};

/// Seals all tokens with the current key; returns how many connections it changed.
pub(crate) async fn reseal_tokens(ctx: &ServiceContext) -> Result<usize, StoreError> {
    let (mut after, mut resealed) = (String::new(), 0);
    loop {
        let page = connections::list_page(&ctx.database, &after).await?;
        let Some(last) = page.last() else { return Ok(resealed) };
        after.clone_from(&last.id);
        for connection in &page {
            let tokens = [&connection.access, &connection.refresh];
            if tokens.iter().all(|token| token.0.is_empty() || ctx.keys.is_current(token)) {
                continue;
            }
            resealed += usize::from(reseal_connection(ctx, &connection.id).await?);
        }
    }
}

async fn reseal_connection(ctx: &ServiceContext, id: &str) -> Result<bool, StoreError> {
    run_locked(ctx, "reseal_tokens", id, |tx, mut connection| async move {
        let before = connection.clone();
        let tokens = [
            (TokenKind::Access, &mut connection.access),
            (TokenKind::Refresh, &mut connection.refresh),
        ];
        for (kind, sealed) in tokens {
            // A token that no key opens stays as it is: its key may come back into the ring.
            let Ok(token) = ctx.keys.open(id, kind, sealed) else { continue };
            if let Ok(resealed) = ctx.keys.seal(ctx.ids.as_ref(), id, kind, token.expose_secret()) {
                *sealed = resealed;
            }
        }
        if connection == before {
            return Ok(tx.unchanged(false));
        }
        connections::update(tx.conn(), &connection).await?;
        Ok(true)
    })
    .await
}
