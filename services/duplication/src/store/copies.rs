//! The copy table.

use contracts::Origin;
use kernel::{
    ActivityId, ApplicationId, AthleteId, CopyId, Generation, LinkId, SourceKey, StravaActivityId,
    Timestamp,
};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Value};

use super::{parse_column, unreadable_column};
use crate::domain::copy::{Copy, CopySource, CopyState};
use crate::domain::reason;

/// The columns of [`CopyRow`], in the order of [`to_values`].
const COLUMNS: &str = "id, link, activity, guardian, child, state, reason, detail, revision, \
    source_revision, name, sport, start_at_us, distance_dm, trainer, commute, streams_key, \
    origins, target_application, target_generation, upload, source, source_id, must_search, searches, \
    uploads, sent_at_us, source_changed_at_us, source_removed_at_us, traceparent, created_at_us, \
    updated_at_us";

#[derive(FromQueryResult)]
struct CopyRow {
    id: String,
    link: String,
    activity: String,
    guardian: String,
    child: String,
    state: String,
    reason: String,
    detail: String,
    revision: i64,
    source_revision: i64,
    name: String,
    sport: String,
    start_at_us: i64,
    distance_dm: i64,
    trainer: bool,
    commute: bool,
    streams_key: String,
    /// `application:generation`, separated by commas.
    origins: String,
    target_application: Option<i64>,
    target_generation: Option<i64>,
    upload: Option<i64>,
    source: Option<String>,
    source_id: Option<String>,
    must_search: bool,
    searches: i64,
    uploads: i64,
    sent_at_us: Option<i64>,
    source_changed_at_us: Option<i64>,
    source_removed_at_us: Option<i64>,
    traceparent: String,
    created_at_us: i64,
    updated_at_us: i64,
}

/// Inserts a new copy; a unique violation if the link has one of the activity.
pub(crate) async fn insert(conn: &impl ConnectionTrait, copy: &Copy) -> Result<(), StoreError> {
    let values = to_values(copy);
    let insert =
        format!("INSERT INTO copy ({COLUMNS}) VALUES ({})", sql::placeholders(values.len()));
    sql::execute(conn, &insert, values).await?;
    Ok(())
}

/// Writes every column of a copy.
///
/// # Errors
///
/// A conflict if the copy was deleted since it was read.
pub(crate) async fn update(conn: &impl ConnectionTrait, copy: &Copy) -> Result<(), StoreError> {
    let update = format!("UPDATE copy SET {} = ? WHERE id = ?", COLUMNS.replace(", ", " = ?, "));
    let values = to_values(copy).into_iter().chain([copy.id.to_string().into()]);
    match sql::execute(conn, &update, values).await? {
        0 => Err(StoreError::Conflict(DbErr::RecordNotUpdated)),
        _ => Ok(()),
    }
}

pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    copy: CopyId,
) -> Result<Option<Copy>, StoreError> {
    Ok(list(conn, "id = ?", [copy.to_string().into()]).await?.pop())
}

/// Returns the copies of an activity.
pub(crate) async fn list_by_activity(
    conn: &impl ConnectionTrait,
    activity: ActivityId,
) -> Result<Vec<Copy>, StoreError> {
    list(conn, "activity = ?", [activity.to_string().into()]).await
}

/// Returns the copies planned under a link.
pub(crate) async fn list_planned(
    conn: &impl ConnectionTrait,
    link: LinkId,
) -> Result<Vec<Copy>, StoreError> {
    let values = [link.to_string().into(), CopyState::Planned.as_str().into()];
    list(conn, "link = ? AND state = ?", values).await
}

/// Returns the copies for a child that a job still works on, oldest first.
pub(crate) async fn list_open(
    conn: &impl ConnectionTrait,
    child: AthleteId,
) -> Result<Vec<Copy>, StoreError> {
    let open = CopyState::OPEN.map(|state| state.as_str().into());
    let condition =
        format!("child = ? AND state IN ({}) ORDER BY id", sql::placeholders(open.len()));
    list(conn, &condition, [child.to_string().into()].into_iter().chain(open)).await
}

/// Returns the next copies in which an athlete takes part, by id after this one (empty: from the first), and locks them for
/// the rest of the transaction: an erasure of the other side holds another athlete's row, and writes the same copies.
pub(crate) async fn lock_batch(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    after: &str,
    limit: u64,
) -> Result<Vec<Copy>, StoreError> {
    #[derive(FromQueryResult)]
    struct IdRow {
        id: String,
    }
    // Each side by its own index.
    let select = "SELECT id FROM (SELECT id FROM copy WHERE guardian = ? AND id > ? ORDER BY id LIMIT ?) AS given \
         UNION SELECT id FROM (SELECT id FROM copy WHERE child = ? AND id > ? ORDER BY id LIMIT ?) AS received \
         ORDER BY id LIMIT ?";
    let side: [Value; 3] = [athlete.to_string().into(), after.into(), limit.into()];
    let values = side.clone().into_iter().chain(side).chain([limit.into()]);
    let ids: Vec<IdRow> = sql::fetch_all(conn, select, values).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let these = format!("id IN ({})", sql::placeholders(ids.len()));
    let ids: Vec<Value> = ids.into_iter().map(|row| row.id.into()).collect();
    let lock = format!("UPDATE copy SET searches = searches WHERE {these}");
    sql::execute(conn, &lock, ids.clone()).await?;
    list(conn, &format!("{these} ORDER BY id"), ids).await
}

/// Returns copies, with their guardians, that were planned before this instant and still tell of their source.
pub(crate) async fn list_sources_before(
    conn: &impl ConnectionTrait,
    instant: Timestamp,
    limit: u64,
) -> Result<Vec<(CopyId, AthleteId)>, StoreError> {
    let condition = "created_at_us < ? AND (name <> '' OR streams_key <> '') ORDER BY id LIMIT ?";
    let due = list(conn, condition, vec![instant.as_micros().into(), limit.into()]).await?;
    Ok(due.into_iter().map(|copy| (copy.id, copy.guardian)).collect())
}

/// Returns a page of the copies in which an athlete takes part, newest first, older than `before`.
pub(crate) async fn list_page(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    before: Option<CopyId>,
    limit: u64,
) -> Result<Vec<Copy>, StoreError> {
    let older = if before.is_some() { "AND id < ?" } else { "" };
    let condition = format!("(guardian = ? OR child = ?) {older} ORDER BY id DESC LIMIT ?");
    let mut values: Vec<Value> = vec![athlete.to_string().into(), athlete.to_string().into()];
    values.extend(before.map(|before| before.to_string().into()));
    values.push(limit.into());
    list(conn, &condition, values).await
}

/// Returns true if an upload of ours made one of these activities in the child's account, through whichever
/// application.
pub(crate) async fn is_own_copy(
    conn: &impl ConnectionTrait,
    child: AthleteId,
    activities: &[StravaActivityId],
) -> Result<bool, StoreError> {
    if activities.is_empty() {
        return Ok(false);
    }
    let select = format!(
        "SELECT 1 FROM copy WHERE source_id IN ({}) AND child = ? AND reason <> ?",
        sql::placeholders(activities.len())
    );
    let ids = activities.iter().map(|activity| activity.to_string().into());
    let values = ids.chain([child.to_string().into(), reason::ALREADY_THERE.into()]);
    sql::exists(conn, &select, values.collect::<Vec<Value>>()).await
}

/// Deletes a copy.
pub(crate) async fn delete(conn: &impl ConnectionTrait, copy: CopyId) -> Result<(), StoreError> {
    sql::execute(conn, "DELETE FROM copy WHERE id = ?", [copy.to_string().into()]).await?;
    Ok(())
}

async fn list(
    conn: &impl ConnectionTrait,
    condition: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<Copy>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM copy WHERE {condition}");
    let rows = sql::fetch_all::<CopyRow>(conn, &select, values).await?;
    rows.into_iter().map(Copy::try_from).collect()
}

fn to_values(copy: &Copy) -> [Value; 32] {
    let source = &copy.source;
    let origins = source.origins.iter();
    let origins = origins.map(|origin| format!("{}:{}", origin.application, origin.generation));
    [
        copy.id.to_string().into(),
        copy.link.to_string().into(),
        copy.activity.to_string().into(),
        copy.guardian.to_string().into(),
        copy.child.to_string().into(),
        copy.state.as_str().into(),
        copy.reason.as_str().into(),
        truncate(&copy.detail, 1000).into(),
        copy.revision.into(),
        source.revision.into(),
        truncate(&source.name, 400).into(),
        truncate(&source.sport, 50).into(),
        source.start_at.as_micros().into(),
        source.distance_dm.into(),
        source.trainer.into(),
        source.commute.into(),
        source.streams_key.as_str().into(),
        origins.collect::<Vec<_>>().join(",").into(),
        copy.target.map(|target| target.application.get()).into(),
        copy.target.map(|target| target.generation.get()).into(),
        copy.upload.into(),
        copy.made.as_ref().map(|key| key.source.to_string()).into(),
        copy.made.as_ref().map(|key| key.source_id.to_string()).into(),
        copy.must_search.into(),
        copy.searches.into(),
        copy.uploads.into(),
        copy.sent_at.map(Timestamp::as_micros).into(),
        copy.source_changed_at.map(Timestamp::as_micros).into(),
        copy.source_removed_at.map(Timestamp::as_micros).into(),
        truncate(&copy.traceparent, 80).into(),
        copy.created_at.as_micros().into(),
        copy.updated_at.as_micros().into(),
    ]
}

fn truncate(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

impl TryFrom<CopyRow> for Copy {
    type Error = StoreError;

    fn try_from(row: CopyRow) -> Result<Self, StoreError> {
        let target = row.target_application.zip(row.target_generation);
        let made = row.source.as_deref().zip(row.source_id.as_deref());
        let made = made.map(|(source, id)| SourceKey::parse(source, id)).transpose();
        let made = made.map_err(|_invalid| unreadable_column("copy.source", &row.id))?;
        Ok(Self {
            id: parse_column(&row.id, "copy.id")?,
            link: parse_column(&row.link, "copy.link")?,
            activity: parse_column(&row.activity, "copy.activity")?,
            guardian: parse_column(&row.guardian, "copy.guardian")?,
            child: parse_column(&row.child, "copy.child")?,
            state: CopyState::parse(&row.state)
                .ok_or_else(|| unreadable_column("copy.state", &row.id))?,
            source: CopySource {
                revision: row.source_revision,
                name: row.name,
                sport: row.sport,
                start_at: Timestamp::from_micros(row.start_at_us),
                distance_dm: row.distance_dm,
                trainer: row.trainer,
                commute: row.commute,
                streams_key: row.streams_key,
                origins: parse_origins(&row.origins)
                    .ok_or_else(|| unreadable_column("copy.origins", &row.id))?,
            },
            reason: row.reason,
            detail: row.detail,
            revision: row.revision,
            target: target.map(|(application, generation)| Origin {
                application: ApplicationId::new(application),
                generation: Generation::new(generation),
            }),
            upload: row.upload,
            made,
            must_search: row.must_search,
            searches: row.searches,
            uploads: row.uploads,
            sent_at: row.sent_at_us.map(Timestamp::from_micros),
            source_changed_at: row.source_changed_at_us.map(Timestamp::from_micros),
            source_removed_at: row.source_removed_at_us.map(Timestamp::from_micros),
            traceparent: row.traceparent,
            created_at: Timestamp::from_micros(row.created_at_us),
            updated_at: Timestamp::from_micros(row.updated_at_us),
        })
    }
}

fn parse_origins(text: &str) -> Option<Vec<Origin>> {
    let pairs = text.split(',').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (application, generation) = pair.split_once(':')?;
            Some(Origin {
                application: application.parse().ok()?,
                generation: generation.parse().ok()?,
            })
        })
        .collect()
}
