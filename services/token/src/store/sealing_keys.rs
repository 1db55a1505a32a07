//! The keys that seal tokens, as the database knows them: a sentinel for each, and the sealed tokens.

use std::collections::BTreeSet;

use kernel::Timestamp;
use outbox::{StoreError, sql};
use sea_orm::ConnectionTrait;

use super::sealing::is_key_id;
use crate::domain::connection::SealedToken;

/// Lists the ids of the keys that stored tokens are sealed with. A damaged value that names no key counts for none.
pub(crate) async fn list_used(conn: &impl ConnectionTrait) -> Result<BTreeSet<String>, StoreError> {
    let mut used = BTreeSet::new();
    for column in ["access_sealed", "refresh_sealed"] {
        // The version, `v1`, and the id end with a dot.
        let select = format!(
            "SELECT DISTINCT SUBSTR({column}, 4, INSTR(SUBSTR({column}, 4), '.') - 1) \
             FROM connection WHERE {column} LIKE 'v1.%.%'"
        );
        used.extend(sql::fetch_scalars::<String>(conn, &select, []).await?);
    }
    used.retain(|key| is_key_id(key));
    Ok(used)
}

/// Lists the ids of the keys that have a sentinel.
pub(crate) async fn list_known(
    conn: &impl ConnectionTrait,
) -> Result<BTreeSet<String>, StoreError> {
    let known = sql::fetch_scalars::<String>(conn, "SELECT key_id FROM sealing_key", []).await?;
    Ok(known.into_iter().collect())
}

/// Finds the sentinel of a key.
pub(crate) async fn find_sentinel(
    conn: &impl ConnectionTrait,
    key_id: &str,
) -> Result<Option<SealedToken>, StoreError> {
    let select = "SELECT sentinel FROM sealing_key WHERE key_id = ?";
    let sentinel = sql::fetch_scalar::<String>(conn, select, [key_id.into()]).await?;
    Ok(sentinel.map(SealedToken))
}

/// Inserts or replaces the sentinel of a key.
pub(crate) async fn save_sentinel(
    conn: &impl ConnectionTrait,
    key_id: &str,
    sentinel: &SealedToken,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (sentinel, now) = (sentinel.0.as_str(), now.as_micros());
    let update = "UPDATE sealing_key SET sentinel = ?, sealed_at_us = ? WHERE key_id = ?";
    if sql::execute(conn, update, [sentinel.into(), now.into(), key_id.into()]).await? == 0 {
        let insert = "INSERT INTO sealing_key (sentinel, sealed_at_us, key_id) VALUES (?, ?, ?)";
        sql::execute(conn, insert, [sentinel.into(), now.into(), key_id.into()]).await?;
    }
    Ok(())
}

/// Deletes the sentinels of all keys but these; returns their number.
pub(crate) async fn delete_others(
    conn: &impl ConnectionTrait,
    kept: &BTreeSet<String>,
) -> Result<u64, StoreError> {
    let delete = format!(
        "DELETE FROM sealing_key WHERE key_id NOT IN ({})",
        sql::placeholders(kept.len().max(1))
    );
    let mut values: Vec<sea_orm::Value> = kept.iter().map(|id| id.as_str().into()).collect();
    if values.is_empty() {
        values.push("".into());
    }
    sql::execute(conn, &delete, values).await
}
