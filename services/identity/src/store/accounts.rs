//! Accounts, one row each.

use kernel::{AthleteId, Timestamp};
use outbox::{Database, StoreError, sql};
use sea_orm::QueryResult;

use crate::domain::account::{Account, Email};
use crate::domain::lockout::Failures;

/// An account with what only sign-in may see.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) account: Account,
    pub(crate) password_hash: String,
    pub(crate) failures: Failures,
}

const COLUMNS: &str = "athlete, email, password_hash, admin, failures, failed_at_us, created_at_us";

/// Adds an account. `Seen`: the address has one already.
pub(crate) async fn add(
    database: &Database,
    account: &Account,
    password_hash: &str,
) -> Result<(), StoreError> {
    sql::execute(
        database.writer(),
        &format!("INSERT INTO account ({COLUMNS}) VALUES (?, ?, ?, ?, 0, 0, ?)"),
        [
            account.athlete.to_string().into(),
            account.email.clone().into(),
            password_hash.into(),
            i32::from(account.admin).into(),
            account.created_at.as_micros().into(),
        ],
    )
    .await
    .map(|_| ())
}

/// The account of this address.
pub(crate) async fn by_email(
    database: &Database,
    email: &Email,
) -> Result<Option<Kept>, StoreError> {
    let row = sql::one(
        database.readers(),
        &format!("SELECT {COLUMNS} FROM account WHERE email = ?"),
        [email.as_str().into()],
    )
    .await?;
    row.as_ref().map(kept).transpose()
}

/// Every account, by address.
pub(crate) async fn all(database: &Database) -> Result<Vec<Account>, StoreError> {
    let rows =
        sql::all(database.readers(), &format!("SELECT {COLUMNS} FROM account ORDER BY email"), [])
            .await?;
    rows.iter().map(|row| Ok(kept(row)?.account)).collect()
}

/// Removes the account of this address. `false`: there was none.
pub(crate) async fn remove(database: &Database, email: &Email) -> Result<bool, StoreError> {
    let gone = sql::execute(
        database.writer(),
        "DELETE FROM account WHERE email = ?",
        [email.as_str().into()],
    )
    .await?;
    Ok(gone > 0)
}

/// Removes the account of this athlete.
pub(crate) async fn remove_athlete(
    database: &Database,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    sql::execute(
        database.writer(),
        "DELETE FROM account WHERE athlete = ?",
        [athlete.to_string().into()],
    )
    .await
    .map(|_| ())
}

/// Keeps another password and unlocks the account. `false`: the address has none.
pub(crate) async fn set_password(
    database: &Database,
    email: &Email,
    hash: &str,
) -> Result<bool, StoreError> {
    let changed = sql::execute(
        database.writer(),
        "UPDATE account SET password_hash = ?, failures = 0 WHERE email = ?",
        [hash.into(), email.as_str().into()],
    )
    .await?;
    Ok(changed > 0)
}

/// Notes a wrong password.
pub(crate) async fn failed(
    database: &Database,
    athlete: AthleteId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql::execute(
        database.writer(),
        "UPDATE account SET failures = failures + 1, failed_at_us = ? WHERE athlete = ?",
        [now.as_micros().into(), athlete.to_string().into()],
    )
    .await
    .map(|_| ())
}

/// Forgets the wrong passwords.
pub(crate) async fn succeeded(database: &Database, athlete: AthleteId) -> Result<(), StoreError> {
    sql::execute(
        database.writer(),
        "UPDATE account SET failures = 0 WHERE athlete = ?",
        [athlete.to_string().into()],
    )
    .await
    .map(|_| ())
}

fn kept(row: &QueryResult) -> Result<Kept, StoreError> {
    let athlete: String = row.try_get("", "athlete")?;
    Ok(Kept {
        account: Account {
            athlete: match athlete.parse() {
                Ok(athlete) => athlete,
                Err(_) => {
                    return Err(StoreError::inconsistent(format!(
                        "the account {athlete:?} is no UUID"
                    )));
                }
            },
            email: row.try_get("", "email")?,
            admin: row.try_get::<i32>("", "admin")? != 0,
            created_at: Timestamp::from_micros(row.try_get("", "created_at_us")?),
        },
        password_hash: row.try_get("", "password_hash")?,
        failures: Failures {
            count: row.try_get("", "failures")?,
            last_at_us: row.try_get("", "failed_at_us")?,
        },
    })
}
