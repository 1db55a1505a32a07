//! Budgets: one row per application, locked by whoever grants or counts.

use kernel::{ApplicationId, Timestamp};
use outbox::{Database, StoreError, sql};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Value};

use crate::domain::budget::{Buckets, Budget, Window};

/// Every column, in the order of [`values`].
const COLUMNS: [&str; 13] = [
    "quarter_us",
    "quarter_overall_limit",
    "quarter_read_limit",
    "quarter_overall_spent",
    "quarter_read_spent",
    "day_us",
    "day_overall_limit",
    "day_read_limit",
    "day_overall_spent",
    "day_read_spent",
    "blocked_until_us",
    "inactive_since_us",
    "probe_at_us",
];

/// The budget as last committed.
pub(crate) async fn budget(
    database: &Database,
    application: ApplicationId,
    now: Timestamp,
) -> Result<Budget, StoreError> {
    let mut budget = load(database.readers(), application)
        .await?
        .unwrap_or_else(|| Budget::unseen(application, now));
    budget.roll(now);
    Ok(budget)
}

/// The budget, locked until the transaction ends, in the windows of this instant.
pub(crate) async fn lock_budget<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    now: Timestamp,
) -> Result<Budget, StoreError> {
    let unseen = Budget::unseen(application, now);
    let insert = format!(
        "INSERT INTO budget (application, {}) VALUES (?, {})",
        COLUMNS.join(", "),
        sql::placeholders(COLUMNS.len())
    );
    // An upsert locks the row also when it is new.
    let lock = match conn.get_database_backend() {
        DbBackend::Sqlite => {
            " ON CONFLICT (application) DO UPDATE SET application = budget.application"
        }
        _ => " ON DUPLICATE KEY UPDATE application = budget.application",
    };
    let mut all = vec![application.get().into()];
    all.extend(values(&unseen));
    sql::execute(conn, &format!("{insert}{lock}"), all).await?;
    let mut budget = load(conn, application)
        .await?
        .ok_or_else(|| StoreError::inconsistent("the budget's row vanished under its lock"))?;
    budget.roll(now);
    Ok(budget)
}

/// Stores the budget; its row must be locked.
pub(crate) async fn save_budget<C: ConnectionTrait>(
    conn: &C,
    budget: &Budget,
) -> Result<(), StoreError> {
    let statement =
        format!("UPDATE budget SET {} = ? WHERE application = ?", COLUMNS.join(" = ?, "));
    let mut all = values(budget).to_vec();
    all.push(budget.application.get().into());
    sql::execute(conn, &statement, all).await?;
    Ok(())
}

async fn load<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
) -> Result<Option<Budget>, StoreError> {
    sql::one(conn, "SELECT * FROM budget WHERE application = ?", [application.get().into()])
        .await?
        .as_ref()
        .map(|row| read(row, application))
        .transpose()
}

fn values(budget: &Budget) -> [Value; 13] {
    let at = |instant: Option<Timestamp>| instant.map_or(0, Timestamp::as_micros);
    let (quarter, day) = (&budget.quarter, &budget.day);
    [
        quarter.since.as_micros().into(),
        quarter.limit.overall.into(),
        quarter.limit.read.into(),
        quarter.spent.overall.into(),
        quarter.spent.read.into(),
        day.since.as_micros().into(),
        day.limit.overall.into(),
        day.limit.read.into(),
        day.spent.overall.into(),
        day.spent.read.into(),
        at(budget.blocked_until).into(),
        at(budget.inactive_since).into(),
        at(budget.probe_at).into(),
    ]
}

fn read(row: &QueryResult, application: ApplicationId) -> Result<Budget, StoreError> {
    let number = |column: &str| row.try_get::<i64>("", column);
    let instant =
        |column: &str| number(column).map(|us| (us != 0).then(|| Timestamp::from_micros(us)));
    let window = |name: &str| -> Result<Window, StoreError> {
        let of = |what: &str| number(&format!("{name}_{what}"));
        Ok(Window {
            since: Timestamp::from_micros(of("us")?),
            limit: Buckets { overall: of("overall_limit")?, read: of("read_limit")? },
            spent: Buckets { overall: of("overall_spent")?, read: of("read_spent")? },
        })
    };
    Ok(Budget {
        application,
        quarter: window("quarter")?,
        day: window("day")?,
        blocked_until: instant("blocked_until_us")?,
        inactive_since: instant("inactive_since_us")?,
        probe_at: instant("probe_at_us")?,
    })
}
