//! Restores a backup, and erases again what was erased since.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use service_kit::Service as _;

use super::create::{copy_tree, create_private, ensure_one_process};
use super::layout::{DATABASES, KEYS, OBJECTS};
use super::manifest::{Manifest, list_files};
use super::verify::verify;
use crate::compose::{Addresses, Foundation, all, database_target, erasure_services, open_token};
use crate::program::Program;
use crate::settings::Settings;

/// Time limit for the erasures of the ledger.
const ERASE_TIMEOUT: Duration = Duration::from_mins(30);

/// What a restore does about erasures since the backup.
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
    match copy_and_erase(settings, backup, keys, ledger).await {
        Ok(erased) => Ok(Restored { manifest, erased }),
        Err(error) => {
            // Half a restore is never left to be served.
            std::fs::remove_dir_all(data).with_context(|| format!("remove {}", data.display()))?;
            Err(error)
        }
    }
}

async fn copy_and_erase(
    settings: &Settings,
    backup: &Path,
    keys: Option<&Path>,
    ledger: LedgerChoice,
) -> anyhow::Result<usize> {
    let data = &settings.data.dir;
    create_private(data)?;
    copy_tree(&backup.join(DATABASES), data)?;
    copy_tree(&backup.join(OBJECTS), &data.join(OBJECTS))?;
    if let Some(keys) = keys {
        ensure!(!list_files(keys)?.is_empty(), "{} holds no keys", keys.display());
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
        LedgerChoice::Replay(ledger) => {
            ensure!(ledger.exists(), "{} does not exist", ledger.display());
            Box::pin(erase_again(settings, &ledger)).await
        }
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
