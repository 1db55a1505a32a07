//! `paceline backup`: create, verify and restore.

use std::path::Path;
use std::process::ExitCode;

use kernel::{Clock as _, SystemClock};

use crate::backup::{self, LedgerChoice};
use crate::cli::{Backup, RunOptions};
use crate::commands::load;
use crate::output::print_line;

/// Creates, verifies or restores a backup.
pub(super) async fn backup(options: &RunOptions, action: Backup) -> anyhow::Result<ExitCode> {
    match action {
        Backup::Create { to, keys } => create(options, &to, keys.as_deref()).await?,
        Backup::Verify { backup } => {
            let manifest = backup::verify(&backup).await?;
            let (files, megabytes) = (manifest.files.len(), megabytes(manifest.bytes()));
            print_line(format!(
                "{}: whole, {files} files, {megabytes:.1} MB, of {}",
                backup.display(),
                manifest.created_at
            ));
        }
        Backup::Restore { backup, keys, ledger, without_ledger } => {
            let (loaded, _guard) = load(options)?;
            let ledger = match ledger {
                Some(ledger) if !without_ledger => LedgerChoice::Replay(ledger),
                _ => LedgerChoice::Without,
            };
            let settings = &loaded.settings;
            let restored = backup::restore(settings, &backup, keys.as_deref(), ledger).await?;
            print_line(format!(
                "restored the state of {} into {}; {} erasures since were done again",
                restored.manifest.created_at,
                settings.data.dir.display(),
                restored.erased
            ));
            if keys.is_none() {
                print_line(format!(
                    "put the keys into {} before the next start",
                    settings.data.dir.join("keys").display()
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(options: &RunOptions, to: &Path, keys: Option<&Path>) -> anyhow::Result<()> {
    let (loaded, _guard) = load(options)?;
    let now = SystemClock::with_offset(loaded.settings.clock.offset_s).now();
    let created = backup::create(&loaded.settings, to, keys, now).await?;
    let (files, megabytes) = (created.manifest.files.len(), megabytes(created.manifest.bytes()));
    print_line(format!(
        "{}: {files} files, {megabytes:.1} MB; writers were held for {} ms",
        to.display(),
        created.held.as_millis()
    ));
    match keys {
        Some(keys) => print_line(format!("keys: {}; keep them in another place", keys.display())),
        None => print_line(
            "the keys are not in it: without them no connection can be opened again (--keys)",
        ),
    }
    Ok(())
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
