//! Budgets: one row per application, locked to grant leases and to count calls.

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
    all.extend(values(&initial));
    sql::execute(conn, &format!("{insert}{lock}"), all).await?;
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
    let statement =
        format!("UPDATE budget SET {} = ? WHERE application = ?", COLUMNS.join(" = ?, "));
    let mut all = values(budget).to_vec();
    all.push(budget.application.get().into());
    sql::execute(conn, &statement, all).await?;
    Ok(())
}

async fn find<C: ConnectionTrait>(
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
    let micros = |instant: Option<Timestamp>| instant.map_or(0, Timestamp::as_micros);
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
        micros(budget.blocked_until).into(),
        micros(budget.inactive_since).into(),
        micros(budget.probe_at).into(),
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
