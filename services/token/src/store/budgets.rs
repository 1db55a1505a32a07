//! Budgets: one row per application, locked to grant leases and to count calls.

use kernel::{ApplicationId, Timestamp};
use outbox::{Database, StoreError, sql};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult};

use super::{ColumnValue, from_micros, micros};
use crate::domain::budget::{Buckets, Budget, Window};

/// Loads the budget as last committed.
pub(crate) async fn load(
    database: &Database,
    application: ApplicationId,
    now: Timestamp,
) -> Result<Budget, StoreError> {
    let mut budget = find(database.readers(), application)
        .await?
        .unwrap_or_else(|| Budget::initial(application, now));
    budget.roll_windows(now);
    Ok(budget)
}

/// Locks the budget until the transaction ends, and moves it to the windows of this instant.
pub(crate) async fn lock<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    now: Timestamp,
) -> Result<Budget, StoreError> {
    let initial = Budget::initial(application, now);
    let (names, values) = columns(&initial).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let insert = format!(
        "INSERT INTO budget ({}, application) VALUES ({}, ?)",
        names.join(", "),
        sql::placeholders(names.len())
    );
    // An upsert locks the row also when it is new.
    let lock = match conn.get_database_backend() {
        DbBackend::Sqlite => {
            " ON CONFLICT (application) DO UPDATE SET application = budget.application"
        }
        _ => " ON DUPLICATE KEY UPDATE application = budget.application",
    };
    let key = application.get().into();
    sql::execute(conn, &format!("{insert}{lock}"), values.into_iter().chain([key])).await?;
    let mut budget = find(conn, application).await?.ok_or_else(|| {
        StoreError::inconsistent("the budget's row is missing although it is locked")
    })?;
    budget.roll_windows(now);
    Ok(budget)
}

/// Updates the budget; its row must be locked.
pub(crate) async fn update<C: ConnectionTrait>(
    conn: &C,
    budget: &Budget,
) -> Result<(), StoreError> {
    let (names, values) = columns(budget).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let statement = format!("UPDATE budget SET {} = ? WHERE application = ?", names.join(" = ?, "));
    let key = budget.application.get().into();
    sql::execute(conn, &statement, values.into_iter().chain([key])).await?;
    Ok(())
}

async fn find<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
) -> Result<Option<Budget>, StoreError> {
    let select = "SELECT * FROM budget WHERE application = ?";
    let row = sql::fetch_one::<BudgetRow>(conn, select, [application.get().into()]).await?;
    Ok(row.map(Budget::from))
}

/// The columns of a budget besides its key, and their values.
fn columns(budget: &Budget) -> [ColumnValue; 13] {
    let (quarter, day) = (&budget.quarter, &budget.day);
    [
        ("quarter_us", quarter.since.as_micros().into()),
        ("quarter_overall_limit", quarter.limit.overall.into()),
        ("quarter_read_limit", quarter.limit.read.into()),
        ("quarter_overall_spent", quarter.spent.overall.into()),
        ("quarter_read_spent", quarter.spent.read.into()),
        ("day_us", day.since.as_micros().into()),
        ("day_overall_limit", day.limit.overall.into()),
        ("day_read_limit", day.limit.read.into()),
        ("day_overall_spent", day.spent.overall.into()),
        ("day_read_spent", day.spent.read.into()),
        ("blocked_until_us", micros(budget.blocked_until).into()),
        ("inactive_since_us", micros(budget.inactive_since).into()),
        ("probe_at_us", micros(budget.probe_at).into()),
    ]
}

/// A row of `budget`; instants are in microseconds, 0 for none.
#[derive(FromQueryResult)]
struct BudgetRow {
    application: i64,
    quarter_us: i64,
    quarter_overall_limit: i64,
    quarter_read_limit: i64,
    quarter_overall_spent: i64,
    quarter_read_spent: i64,
    day_us: i64,
    day_overall_limit: i64,
    day_read_limit: i64,
    day_overall_spent: i64,
    day_read_spent: i64,
    blocked_until_us: i64,
    inactive_since_us: i64,
    probe_at_us: i64,
}

impl From<BudgetRow> for Budget {
    fn from(row: BudgetRow) -> Self {
        Self {
            application: ApplicationId::new(row.application),
            quarter: Window {
                since: Timestamp::from_micros(row.quarter_us),
                limit: Buckets { overall: row.quarter_overall_limit, read: row.quarter_read_limit },
                spent: Buckets { overall: row.quarter_overall_spent, read: row.quarter_read_spent },
            },
            day: Window {
                since: Timestamp::from_micros(row.day_us),
                limit: Buckets { overall: row.day_overall_limit, read: row.day_read_limit },
                spent: Buckets { overall: row.day_overall_spent, read: row.day_read_spent },
            },
            blocked_until: from_micros(row.blocked_until_us),
            inactive_since: from_micros(row.inactive_since_us),
            probe_at: from_micros(row.probe_at_us),
        }
    }
}
