//! Opens the keys that seal tokens, and refuses keys that are not those that sealed the stored ones.

use std::collections::BTreeSet;

use kernel::Ids;
use outbox::{Database, StoreError, Tx};

use crate::store::{KeySource, Keyring, KeyringError, TokenKind, connections, sealing_keys};

/// Opens the keys, checks each that stored tokens need, and stores the sentinels of new ones. A missing key
/// file is created only if no token is sealed and no key has a sentinel. `lost` are ids of keys that nobody has
/// any more.
///
/// # Errors
///
/// [`KeyringError`]; nothing was changed then.
pub(crate) async fn open_keys(
    database: &Database,
    source: &KeySource,
    ids: &dyn Ids,
    lost: &[String],
) -> Result<Keyring, KeyringError> {
    let needed = list_needed(database, lost).await?;
    let keys = match load_keys(database, source, &needed, lost).await? {
        Some(keys) => keys,
        None => source.load_or_create(ids)?,
    };
    store_sentinels(database, &keys, ids).await?;
    Ok(keys)
}

/// Checks the keys as [`open_keys`] does, and changes nothing. Returns the number of keys that stored tokens need.
///
/// # Errors
///
/// [`KeyringError`] if the service does not start with these keys.
pub async fn check_keys(
    database: &Database,
    source: &KeySource,
    lost: &[String],
) -> Result<usize, KeyringError> {
    let needed = list_needed(database, lost).await?;
    load_keys(database, source, &needed, lost).await?;
    Ok(needed.len())
}

async fn list_needed(database: &Database, lost: &[String]) -> Result<BTreeSet<String>, StoreError> {
    let mut needed = sealing_keys::list_used(database.readers()).await?;
    needed.retain(|key| !lost.contains(key));
    Ok(needed)
}

/// Loads the keys and checks those that are needed; none if there is no key file, and one may be made.
async fn load_keys(
    database: &Database,
    source: &KeySource,
    needed: &BTreeSet<String>,
    lost: &[String],
) -> Result<Option<Keyring>, KeyringError> {
    // Before the file is read: whoever stored a sentinel has made the file first.
    let known = sealing_keys::list_known(database.readers()).await?;
    let keys = source.load()?;
    for key in needed {
        let (named, place) = (key.clone(), source.to_string());
        let Some(keys) = keys.as_ref().filter(|keys| keys.key_ids().any(|known| known == key))
        else {
            return Err(KeyringError::Missing { key: named, place });
        };
        if !opens(database, keys, key).await? {
            return Err(KeyringError::Wrong { key: named, place });
        }
    }
    // No token needs the known ones, but there was a file: it is more likely misplaced than given up.
    match known.into_iter().find(|key| !lost.contains(key)) {
        Some(key) if keys.is_none() => Err(KeyringError::NoFile { key, place: source.to_string() }),
        _ => Ok(keys),
    }
}

/// Returns true if the key opens its sentinel; without one, at least one token that it sealed.
async fn opens(database: &Database, keys: &Keyring, key: &str) -> Result<bool, StoreError> {
    if let Some(sentinel) = sealing_keys::find_sentinel(database.readers(), key).await? {
        return Ok(keys.opens_sentinel(key, &sentinel));
    }
    let mut after = String::new();
    loop {
        let page = connections::list_page(database, &after).await?;
        let Some(last) = page.last() else { return Ok(false) };
        after.clone_from(&last.id);
        let opened = page.iter().any(|connection| {
            let tokens = [
                (TokenKind::Access, &connection.access),
                (TokenKind::Refresh, &connection.refresh),
            ];
            tokens.into_iter().any(|(kind, sealed)| {
                sealed.key_id() == Some(key) && keys.open(&connection.id, kind, sealed).is_ok()
            })
        });
        if opened {
            return Ok(true);
        }
    }
}

/// Stores the sentinels of the ring's keys, and deletes those of keys that are neither in it nor used.
async fn store_sentinels(
    database: &Database,
    keys: &Keyring,
    ids: &dyn Ids,
) -> Result<(), StoreError> {
    let store = |tx: Tx| async move {
        // Listed again: another process may seal with a new key since the check.
        let used = sealing_keys::list_used(tx.conn()).await?;
        let (mut changed, mut kept) = (false, used.clone());
        for key in keys.key_ids() {
            kept.insert(key.to_owned());
            let stored = sealing_keys::find_sentinel(tx.conn(), key).await?;
            let is_settled = stored.is_some_and(|sentinel| {
                // One of a key that is used may only be right; the next start checks it.
                used.contains(key) || keys.opens_sentinel(key, &sentinel)
            });
            if is_settled {
                continue;
            }
            if let Some(sentinel) = keys.seal_sentinel(ids, key) {
                let now = database.clock().now();
                sealing_keys::save_sentinel(tx.conn(), key, &sentinel, now).await?;
                changed = true;
            }
        }
        changed |= sealing_keys::delete_others(tx.conn(), &kept).await? > 0;
        if !changed {
            tx.unchanged(());
        }
        Ok(())
    };
    match database.run_plain("store_sentinels", store).await {
        // Another process that starts was faster: with the same keys there is little left to do.
        Err(StoreError::UniqueViolation) => database.run_plain("store_sentinels", store).await,
        outcome => outcome,
    }
}
