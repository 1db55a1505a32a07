//! Restores a backup, and erases again what was erased since.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use service_kit::Service as _;

use super::create::{copy_tree, create_private, ensure_one_process};
use super::layout::{DATABASES, KEYS, OBJECTS, UNFINISHED};
use super::manifest::{Manifest, list_files};
use super::verify::verify;
use crate::compose::{Addresses, Foundation, all, database_target, erasure_services, open_token};
use crate::program::Program;
use crate::settings::Settings;

/// Time limit for the erasures of the ledger.
const ERASE_TIMEOUT: Duration = Duration::from_mins(30);

/// The erasures since the backup that a restore does again.
pub(crate) enum LedgerChoice {
    /// Erases again what stands in this ledger.
    Replay(PathBuf),
    /// The operator says that nothing was erased, or that nobody knows.
    Without,
}

/// A backup that was restored.
pub(crate) struct Restored {
    pub(crate) manifest: Manifest,
    /// Number of erasures that were done again.
    pub(crate) erased: usize,
}

/// Verifies the backup, copies it into an empty data directory, and erases again what the ledger names, before anything
/// is served.
///
/// # Errors
///
/// Fails if the backup is damaged, if the data directory is not empty, or if an erasure is not done within half an hour.
pub(crate) async fn restore(
    settings: &Settings,
    backup: &Path,
    keys: Option<&Path>,
    ledger: LedgerChoice,
) -> anyhow::Result<Restored> {
    ensure_one_process(settings)?;
    let manifest = verify(backup).await?;
    let data = &settings.data.dir;
    ensure!(
        list_files(data)?.is_empty(),
        "{} is not empty: a restore never overwrites; move it away first",
        data.display()
    );
    if let Some(keys) = keys {
        ensure!(!list_files(keys)?.is_empty(), "{} holds no keys", keys.display());
    }
    if let LedgerChoice::Replay(ledger) = &ledger {
        ensure!(ledger.exists(), "{} does not exist", ledger.display());
    }
    create_private(data)?;
    // Half a restore is never served, also if this process dies.
    let unfinished = data.join(UNFINISHED);
    std::fs::write(&unfinished, "")?;
    match copy_and_erase(settings, backup, keys, ledger).await {
        Ok(erased) => {
            std::fs::remove_file(&unfinished)?;
            Ok(Restored { manifest, erased })
        }
        Err(error) => match std::fs::remove_dir_all(data) {
            Ok(()) => Err(error),
            Err(_not_removed) => {
                Err(error.context(format!("empty {} before the next try", data.display())))
            }
        },
    }
}

/// Refuses a data directory in which a restore did not finish: who was forgotten since the backup may be in it.
///
/// # Errors
///
/// Fails if the restore did not finish.
pub(crate) fn ensure_finished(data: &Path) -> anyhow::Result<()> {
    ensure!(
        !data.join(UNFINISHED).exists(),
        "the restore into {} did not finish: empty it and restore again",
        data.display()
    );
    Ok(())
}

async fn copy_and_erase(
    settings: &Settings,
    backup: &Path,
    keys: Option<&Path>,
    ledger: LedgerChoice,
) -> anyhow::Result<usize> {
    let data = &settings.data.dir;
    copy_tree(&backup.join(DATABASES), data)?;
    copy_tree(&backup.join(OBJECTS), &data.join(OBJECTS))?;
    if let Some(keys) = keys {
        copy_tree(keys, &data.join(KEYS))?;
    }
    let database = outbox::Database::open(
        &database_target(settings, ingest::Service::NAME),
        ingest::Service::migrations(),
    )
    .await?;
    ingest::make_polls_due(&database).await?;
    database.close().await?;
    match ledger {
        LedgerChoice::Without => Ok(0),
        LedgerChoice::Replay(ledger) => Box::pin(erase_again(settings, &ledger)).await,
    }
}

/// Runs the program on listeners that nobody knows until every service has erased what the ledger names.
async fn erase_again(settings: &Settings, ledger: &Path) -> anyhow::Result<usize> {
    let mut settings = settings.clone();
    settings.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    settings.server.ops_listen = SocketAddr::from(([127, 0, 0, 1], 0));
    settings.server.public_url = None;
    let foundation = Foundation::build_unlocked(settings.clone())?;
    let nowhere = settings.strava.url.clone();
    let addresses = Addresses { public: nowhere.clone(), reachable: false, token: nowhere };
    let token = open_token(&foundation, &addresses, &erasure_services(&settings)).await?;
    let requested = token.replay_ledger(ledger).await.context("the ledger cannot be replayed")?;
    if requested == 0 {
        return Ok(0);
    }
    let program = Program::start(&settings, &all()).await?;
    let erased = tokio::time::timeout(ERASE_TIMEOUT, async {
        while token.count_unanswered_erasures().await? > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    });
    let erased = erased.await;
    program.stop().await;
    erased.context("the erasures of the ledger are not done: do not serve this data")??;
    Ok(requested)
}
