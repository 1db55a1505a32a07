//! The data directory, databases, keys and log.

use std::path::Path;

use event_bus::Bus;
use outbox::{Database, Target};
use service_kit::Service as _;

use super::finding::{Finding, fault, ok, warning};
use crate::compose::{ServiceEntry, data_dir, database_target, kafka_settings, log_file};
use crate::generated_secrets;
use crate::settings::Settings;

/// Checks that the data directory can be written and is closed to others.
pub(super) fn data_directory(data: &Path) -> Finding {
    let check = "data directory";
    if !data.exists() {
        return ok(check, format!("{}: will be created at the first start", data.display()));
    }
    let checked = data_dir::check_writable(data).and_then(|()| data_dir::list_open_to_others(data));
    match checked {
        Ok(open) if open.is_empty() => ok(check, data.display().to_string()),
        Ok(open) => warning(
            check,
            format!("others can read {} files or folders, first {}", open.len(), open[0].display()),
            "the next start takes these rights away, where the files are its own",
        ),
        Err(error) => fault(check, format!("{error:#}"), "the program does not start like this"),
    }
}

/// Reads the whole database of a service, and writes to it.
pub(super) async fn database(settings: &Settings, service: &ServiceEntry) -> Finding {
    let (check, name) = ("database", service.name);
    let target = database_target(settings, name);
    match check_database(&target, service).await {
        Ok(None) => ok(check, format!("{name}: will be created at the first start")),
        Ok(Some((faults, missing))) if faults.is_empty() => ok(
            check,
            match missing.len() {
                0 => format!("{name}: sound, and can be written"),
                count => format!("{name}: sound; {count} migrations come with the next start"),
            },
        ),
        Ok(Some((faults, _))) => fault(
            check,
            format!("{name}: {target} is damaged: {}", faults.join("; ")),
            "stop the program, keep a copy, and restore a backup (docs/operations.md)",
        ),
        Err(error) => fault(
            check,
            format!("{name}: {:#}", error.context(target.to_string())),
            "is the server up, may this account write, and is there space left?",
        ),
    }
}

/// Returns the faults of a database and its missing migrations; none if it does not exist.
async fn check_database(
    target: &Target,
    service: &ServiceEntry,
) -> anyhow::Result<Option<(Vec<String>, Vec<String>)>> {
    if !target.exists().await? {
        return Ok(None);
    }
    let database = Database::connect(target).await?;
    let checks = async {
        let faults = database.check_integrity().await?;
        let missing = database.missing_migrations((service.migrations)()).await?;
        if faults.is_empty() && missing.is_empty() {
            database.write_health_check().await?;
        }
        anyhow::Ok((faults, missing))
    };
    let outcome = checks.await;
    // Closed before the end of the process, or SQLite leaves its journals behind.
    database.close().await?;
    outcome.map(Some)
}

/// Checks that the keys open the stored tokens.
pub(super) async fn sealing_keys(settings: &Settings) -> Finding {
    let check = "sealing keys";
    let source = settings.token.key_source(&generated_secrets::folder(&settings.data.dir));
    match check_keys(settings).await {
        Ok(None) => ok(check, format!("{source}: is checked at the next start")),
        Ok(Some(0)) => ok(check, "no token is stored"),
        Ok(Some(_)) => ok(check, format!("{source}: opens the stored tokens")),
        Err(error) => fault(
            check,
            format!("{:#}", anyhow::Error::new(error)),
            "the program does not start like this: docs/runbooks/rotate-keys.md",
        ),
    }
}

/// Returns the number of keys that stored tokens need; none if the tables are of another release.
pub(crate) async fn check_keys(settings: &Settings) -> Result<Option<usize>, token::KeyringError> {
    let source = settings.token.key_source(&generated_secrets::folder(&settings.data.dir));
    let target = database_target(settings, token::Service::NAME);
    if !target.exists().await? {
        return Ok(Some(0));
    }
    let database = Database::connect(&target).await?;
    let checks = async {
        if !database.missing_migrations(token::Service::migrations()).await?.is_empty() {
            return Ok(None);
        }
        token::check_keys(&database, &source, &settings.token.lost_keys).await.map(Some)
    };
    let outcome = checks.await;
    database.close().await?;
    outcome
}

/// Checks the log of a running program, or the one that the settings name.
pub(super) async fn log(settings: &Settings, running: Option<&Bus>) -> Finding {
    let check = "log";
    let Some(brokers) = &settings.kafka.brokers else {
        return built_in_log(&log_file(&settings.data.dir)).await;
    };
    let healthy = async {
        let bus = match running {
            Some(bus) => bus.clone(),
            None => Bus::open_kafka(kafka_settings(settings, brokers)).await?,
        };
        anyhow::Ok(bus.check_health().await?)
    };
    match healthy.await {
        Ok(()) => ok(check, "Kafka answers"),
        Err(error) => {
            fault(check, format!("{error:#}"), "check kafka.brokers, TLS and the SASL user")
        }
    }
}

/// Reads the whole file; a program that runs goes on writing to it.
async fn built_in_log(file: &Path) -> Finding {
    let check = "log";
    if !file.exists() {
        return ok(check, "built in, will be created at the first start");
    }
    let target = Target::Sqlite { file: file.to_owned() };
    let checks = async {
        let database = Database::connect(&target).await?;
        let faults = database.check_integrity().await;
        database.close().await?;
        faults
    };
    match checks.await {
        Ok(faults) if faults.is_empty() => {
            ok(check, format!("built in, sound, {}", file.display()))
        }
        Ok(faults) => fault(
            check,
            format!("{} is damaged: {}", file.display(), faults.join("; ")),
            "stop the program and move the file away: what it held is found again by polling and replay",
        ),
        Err(error) => fault(
            check,
            format!("{}: {:#}", file.display(), anyhow::Error::new(error)),
            "see the finding about the data directory",
        ),
    }
}
