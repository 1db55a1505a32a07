//! Seals tokens again that an older key sealed: after it, the older key may leave the ring.

use outbox::{StoreError, again_if_contended};
use secrecy::ExposeSecret;

use super::{Means, refresh};
use crate::store::{Column, page, save};

const PAGE: i64 = 200;

/// Seals everything with the current key; says how many connections it changed.
pub(crate) async fn reseal(means: &Means) -> Result<usize, StoreError> {
    let (mut after, mut resealed) = (String::new(), 0);
    loop {
        let connections = page(&means.database, &after, PAGE).await?;
        let Some(last) = connections.last() else { return Ok(resealed) };
        after.clone_from(&last.id);
        for connection in &connections {
            let tokens = [&connection.access, &connection.refresh];
            if tokens.iter().all(|token| token.0.is_empty() || means.keys.is_current(token)) {
                continue;
            }
            resealed += usize::from(again_if_contended(|| one(means, &connection.id)).await?);
        }
    }
}

async fn one(means: &Means, id: &str) -> Result<bool, StoreError> {
    let Some((effect, mut connection)) = refresh::locked(means, id).await? else {
        return Ok(false);
    };
    let mut changed = false;
    let columns =
        [(Column::Access, &mut connection.access), (Column::Refresh, &mut connection.refresh)];
    for (column, sealed) in columns {
        // What no key opens stays as it is: the key may come back into the ring.
        let Ok(token) = means.keys.open(id, column, sealed) else { continue };
        let Ok(again) = means.keys.seal(means.ids.as_ref(), id, column, token.expose_secret())
        else {
            continue;
        };
        *sealed = again;
        changed = true;
    }
    save(effect.conn(), &connection).await?;
    effect.commit().await?;
    Ok(changed)
}
