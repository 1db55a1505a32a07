//! The table `fact`: the known facts of each activity, one row each.

mod row;

use std::collections::BTreeSet;

use contracts::Erasure;
use kernel::{ActivityId, AthleteId, Revision, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, Value};

use crate::domain::activity_change::{ActivityChange, TotalKey};
use crate::domain::published_stats::RecentActivity;
use crate::domain::sums::Sums;
use crate::domain::zone::Zone;
use row::{COLUMNS, FactRow, KEY_COLUMNS};

/// The part of a stored fact that decides about a change of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredFact {
    pub(crate) revision: Revision,
    /// The total it adds to, unless it is removed.
    pub(crate) total_key: Option<TotalKey>,
}

/// Returns the stored fact of an activity.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    activity: ActivityId,
) -> Result<Option<StoredFact>, StoreError> {
    let row: Option<FactRow> = sql::fetch_one(
        conn,
        &format!("SELECT {COLUMNS} FROM fact WHERE activity = ? AND athlete = ?"),
        [activity.to_string().into(), athlete.to_string().into()],
    )
    .await?;
    row.map(|row| {
        Ok(StoredFact { revision: Revision::new(row.revision), total_key: row.total_key()? })
    })
    .transpose()
}

/// Inserts the fact of an activity. False if there is one already.
pub(crate) async fn insert(
    conn: &impl ConnectionTrait,
    change: &ActivityChange,
) -> Result<bool, StoreError> {
    let values = FactRow::from(change).into_values();
    let placeholders = sql::placeholders(values.len());
    let insert = format!("INSERT INTO fact ({COLUMNS}) VALUES ({placeholders})");
    match sql::execute(conn, &insert, values).await {
        Ok(_) => Ok(true),
        Err(StoreError::UniqueViolation) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Updates the fact of an activity. False if the stored one is as new or newer.
pub(crate) async fn update(
    conn: &impl ConnectionTrait,
    change: &ActivityChange,
) -> Result<bool, StoreError> {
    overwrite(conn, FactRow::from(change), change.revision.get()).await
}

/// Adds up the activities of one local day in one sport.
pub(crate) async fn sum_day(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    key: &TotalKey,
) -> Result<Sums, StoreError> {
    let rows = select(
        conn,
        "athlete = ? AND local_date = ? AND sport = ? AND removed = FALSE",
        [athlete.to_string().into(), key.local_date.to_string().into(), key.sport.as_str().into()],
    )
    .await?;
    Ok(rows.iter().map(FactRow::sums).sum())
}

/// Returns the amounts each activity of an athlete adds to which total.
pub(crate) async fn list_sums(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<(TotalKey, Sums)>, StoreError> {
    let rows =
        select(conn, "athlete = ? AND removed = FALSE", [athlete.to_string().into()]).await?;
    rows.iter()
        .filter_map(|row| row.total_key().map(|key| key.map(|key| (key, row.sums()))).transpose())
        .collect()
}

/// Blanks the facts that an erasure covers among the next `limit` after this activity (empty: from the first), keeping id
/// and revision.
pub(crate) async fn erase_batch(
    conn: &impl ConnectionTrait,
    batch: &EraseBatch<'_>,
) -> Result<ErasedFacts, StoreError> {
    let condition =
        "athlete = ? AND activity > ? AND erased_at_us IS NULL ORDER BY activity LIMIT ?";
    let values = [batch.athlete.to_string().into(), batch.after.into(), batch.limit.into()];
    let stored = select(conn, condition, values).await?;
    let last = stored.last().filter(|_| stored.len() as u64 == batch.limit);
    let mut erased =
        ErasedFacts { next: last.map(|row| row.activity.clone()), ..Default::default() };
    for row in stored.into_iter().filter(|row| row.is_covered_by(batch.erasure)) {
        erased.rows += 1;
        erased.totals.extend(row.total_key()?);
        let blank = FactRow {
            erased_at_us: Some(batch.now.as_micros()),
            ..FactRow::blank(row.activity, row.athlete, row.revision)
        };
        overwrite(conn, blank, row.revision.saturating_add(1)).await?;
    }
    Ok(erased)
}

/// The facts to look at for an erasure.
pub(crate) struct EraseBatch<'a> {
    pub(crate) athlete: AthleteId,
    pub(crate) erasure: Erasure,
    pub(crate) after: &'a str,
    pub(crate) limit: u64,
    pub(crate) now: Timestamp,
}

/// The facts that were erased.
#[derive(Default)]
pub(crate) struct ErasedFacts {
    /// Their number.
    pub(crate) rows: u64,
    /// The totals they added to.
    pub(crate) totals: BTreeSet<TotalKey>,
    /// The activity after which the next batch begins, if there may be more.
    pub(crate) next: Option<String>,
}

/// Deletes the blank rows of what was erased before this instant, and returns how many they were.
pub(crate) async fn delete_erased_before(
    conn: &impl ConnectionTrait,
    instant: Timestamp,
) -> Result<u64, StoreError> {
    sql::execute(conn, "DELETE FROM fact WHERE erased_at_us < ?", [instant.as_micros().into()])
        .await
}

/// True if any fact is stored, also a removed one.
pub(crate) async fn any_exist(conn: &impl ConnectionTrait) -> Result<bool, StoreError> {
    sql::exists(conn, "SELECT revision FROM fact LIMIT 1", []).await
}

/// True if any fact is stored that is not removed.
pub(crate) async fn any_counted_exist(conn: &impl ConnectionTrait) -> Result<bool, StoreError> {
    let select = "SELECT revision FROM fact WHERE removed = FALSE LIMIT 1";
    sql::exists(conn, select, []).await
}

/// True if a fact of any athlete was ever stored: only then an athlete has a version.
pub(crate) async fn any_ever_existed(conn: &impl ConnectionTrait) -> Result<bool, StoreError> {
    let select = "SELECT version FROM athlete WHERE version > 0 LIMIT 1";
    sql::exists(conn, select, []).await
}

/// Returns the time zone of the athlete's newest activity; UTC if there is none.
pub(crate) async fn find_zone(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Zone, StoreError> {
    let newest = select(
        conn,
        "athlete = ? AND removed = FALSE ORDER BY start_at_us DESC LIMIT 1",
        [athlete.to_string().into()],
    )
    .await?;
    Ok(newest.first().map(|row| Zone::new(&row.timezone, row.utc_offset_s)).unwrap_or_default())
}

/// Returns the athlete's newest activities, newest first, without those only the athlete may see.
pub(crate) async fn list_recent(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    limit: u64,
) -> Result<Vec<RecentActivity>, StoreError> {
    let rows = select(
        conn,
        "athlete = ? AND removed = FALSE AND visibility <> 'only_me' \
         ORDER BY start_at_us DESC, activity DESC LIMIT ?",
        [athlete.to_string().into(), limit.into()],
    )
    .await?;
    Ok(rows.into_iter().map(RecentActivity::from).collect())
}

async fn select(
    conn: &impl ConnectionTrait,
    condition: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<FactRow>, StoreError> {
    sql::fetch_all(conn, &format!("SELECT {COLUMNS} FROM fact WHERE {condition}"), values).await
}

/// Overwrites a stored fact. False if its revision is this one or newer.
///
/// The guard is an update that names the revision: an upsert's row count says nothing that both
/// engines agree on.
async fn overwrite(
    conn: &impl ConnectionTrait,
    row: FactRow,
    below_revision: i64,
) -> Result<bool, StoreError> {
    let assignments: Vec<String> =
        COLUMNS.split(", ").skip(KEY_COLUMNS).map(|column| format!("{column} = ?")).collect();
    let update = format!(
        "UPDATE fact SET {} WHERE activity = ? AND athlete = ? AND revision < ?",
        assignments.join(", ")
    );
    let mut values = row.into_values();
    values.rotate_left(KEY_COLUMNS);
    values.push(below_revision.into());
    Ok(sql::execute(conn, &update, values).await? > 0)
}
