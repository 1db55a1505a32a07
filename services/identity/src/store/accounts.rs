//! The table `account`: local accounts, one row each.

use kernel::{AthleteId, Timestamp};
use outbox::{Database, StoreError, Tx, sql};
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::domain::account::{Account, Email};
use crate::domain::lockout::{FailedSignIns, LockoutRule};

const COLUMNS: &str = "athlete, email, password_hash, admin, failures, failed_at_us, created_at_us";

/// An account with the parts only sign-in may see.
#[derive(Debug)]
pub(crate) struct StoredAccount {
    pub(crate) account: Account,
    pub(crate) password_hash: String,
    pub(crate) failed_sign_ins: FailedSignIns,
}

#[derive(FromQueryResult)]
struct AccountRow {
    athlete: String,
    email: String,
    password_hash: String,
    admin: i32,
    failures: i64,
    failed_at_us: i64,
    created_at_us: i64,
}

impl TryFrom<AccountRow> for StoredAccount {
    type Error = StoreError;

    fn try_from(row: AccountRow) -> Result<Self, StoreError> {
        let athlete = row.athlete.parse().map_err(|error| {
            StoreError::inconsistent(format!("the stored athlete {:?}: {error}", row.athlete))
        })?;
        Ok(Self {
            account: Account {
                athlete,
                email: row.email,
                admin: row.admin != 0,
                created_at: Timestamp::from_micros(row.created_at_us),
            },
            password_hash: row.password_hash,
            failed_sign_ins: FailedSignIns { count: row.failures, first_at_us: row.failed_at_us },
        })
    }
}

/// Inserts an account. A unique violation: the address has one already.
pub(crate) async fn insert<C: ConnectionTrait>(
    conn: &C,
    account: &Account,
    password_hash: &str,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
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

/// Returns the account of this address.
pub(crate) async fn find<C: ConnectionTrait>(
    conn: &C,
    email: &Email,
) -> Result<Option<StoredAccount>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM account WHERE email = ?");
    let row: Option<AccountRow> = sql::fetch_one(conn, &select, [email.as_str().into()]).await?;
    row.map(StoredAccount::try_from).transpose()
}

/// Returns the account of an athlete.
pub(crate) async fn find_by_athlete<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<Option<Account>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM account WHERE athlete = ?");
    let row: Option<AccountRow> =
        sql::fetch_one(conn, &select, [athlete.to_string().into()]).await?;
    row.map(|row| Ok(StoredAccount::try_from(row)?.account)).transpose()
}

/// Returns every account, sorted by address.
pub(crate) async fn list(database: &Database) -> Result<Vec<Account>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM account ORDER BY email");
    let rows: Vec<AccountRow> = sql::fetch_all(database.readers(), &select, []).await?;
    rows.into_iter().map(|row| Ok(StoredAccount::try_from(row)?.account)).collect()
}

/// Locks the accounts of administrators until the transaction ends; returns their addresses.
pub(crate) async fn lock_admins(tx: &Tx) -> Result<Vec<String>, StoreError> {
    // SQLite has no SELECT … FOR UPDATE; an update that changes nothing locks on either engine.
    sql::execute(tx.conn(), "UPDATE account SET admin = admin WHERE admin = 1", []).await?;
    sql::fetch_scalars(tx.conn(), "SELECT email FROM account WHERE admin = 1", []).await
}

/// Deletes the account of this athlete. False if there was none.
pub(crate) async fn delete_by_athlete<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<bool, StoreError> {
    let delete = "DELETE FROM account WHERE athlete = ?";
    Ok(sql::execute(conn, delete, [athlete.to_string().into()]).await? > 0)
}

/// Makes the account an administrator's or a user's.
pub(crate) async fn set_admin<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    admin: bool,
) -> Result<(), StoreError> {
    let update = "UPDATE account SET admin = ? WHERE athlete = ?";
    sql::execute(conn, update, [i32::from(admin).into(), athlete.to_string().into()]).await?;
    Ok(())
}

/// Stores another password hash and unlocks the account. False if the address has no account.
pub(crate) async fn set_password<C: ConnectionTrait>(
    conn: &C,
    email: &Email,
    hash: &str,
) -> Result<bool, StoreError> {
    let update = "UPDATE account SET password_hash = ?, failures = 0 WHERE email = ?";
    let values = [hash.into(), email.as_str().into()];
    Ok(sql::execute(conn, update, values).await? > 0)
}

/// Counts an attempt to sign in as failed, as `FailedSignIns::reserve` does: of any number at a time no more than the
/// rule allows. False if the account is locked, or gone.
pub(crate) async fn reserve_attempt<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    now: Timestamp,
    rule: LockoutRule,
) -> Result<bool, StoreError> {
    let athlete = athlete.to_string();
    let start = "UPDATE account SET failures = 0, failed_at_us = ? \
         WHERE athlete = ? AND (failures = 0 OR failed_at_us <= ?)";
    let over_at = now.minus(rule.lockout).as_micros();
    let values = [now.as_micros().into(), athlete.as_str().into(), over_at.into()];
    sql::execute(conn, start, values).await?;
    let count = "UPDATE account SET failures = failures + 1 WHERE athlete = ? AND failures < ?";
    let values = [athlete.into(), rule.max_attempts.into()];
    Ok(sql::execute(conn, count, values).await? > 0)
}

/// Counts an attempt with an address that has no account, so that it takes as long as one that has: it reads, writes and
/// commits as `reserve_attempt` does, unless the address is locked. False if it is.
pub(crate) async fn reserve_unknown<C: ConnectionTrait>(
    conn: &C,
    open: bool,
) -> Result<bool, StoreError> {
    let step = i64::from(open);
    let count = "UPDATE unknown_sign_in SET attempts = attempts + ? WHERE id = 1";
    if sql::execute(conn, count, [step.into()]).await? == 0 {
        let first = "INSERT INTO unknown_sign_in (id, attempts) VALUES (1, ?)";
        sql::execute(conn, first, [step.into()]).await?;
    }
    Ok(open)
}

/// Forgets the wrong passwords of an account.
pub(crate) async fn reset_failures<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    let update = "UPDATE account SET failures = 0 WHERE athlete = ?";
    sql::execute(conn, update, [athlete.to_string().into()]).await?;
    Ok(())
}
