//! The ledger in the database.

use contracts::Origin;
use kernel::{
    ActivityId, ApplicationId, AthleteId, CopyId, Generation, LinkId, StravaActivityId, Timestamp,
};
use outbox::StoreError;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, Select,
};

use super::rows::copy::{Column, Entity, Model};
use super::{id, inconsistent, takes_part};
use crate::domain::copy::{Copy, Source, State, Target, reason};

/// Who takes part in a copy.
const SIDES: [Column; 2] = [Column::Guardian, Column::Child];

/// Keeps a new line; `Seen` when the link has one for the activity already.
pub(crate) async fn insert(conn: &impl ConnectionTrait, copy: &Copy) -> Result<(), StoreError> {
    Entity::insert(to_row(copy).into_active_model()).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes the whole line again.
pub(crate) async fn update(conn: &impl ConnectionTrait, copy: &Copy) -> Result<(), StoreError> {
    let mut row = to_row(copy).into_active_model().reset_all();
    row.id = ActiveValue::Unchanged(copy.id.to_string());
    Entity::update(row).exec(conn).await?;
    Ok(())
}

pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    copy: CopyId,
) -> Result<Option<Copy>, StoreError> {
    Entity::find_by_id(copy.to_string()).one(conn).await?.map(to_copy).transpose()
}

/// All lines of one activity.
pub(crate) async fn of_activity(
    conn: &impl ConnectionTrait,
    activity: ActivityId,
) -> Result<Vec<Copy>, StoreError> {
    all(conn, Entity::find().filter(Column::Activity.eq(activity.to_string()))).await
}

/// What a link still had before it.
pub(crate) async fn unsent_of_link(
    conn: &impl ConnectionTrait,
    link: LinkId,
) -> Result<Vec<Copy>, StoreError> {
    let planned = Entity::find()
        .filter(Column::Link.eq(link.to_string()))
        .filter(Column::State.eq(State::Planned.word()));
    all(conn, planned).await
}

/// What is not over yet for a child: a new connection may help it.
pub(crate) async fn open_of_child(
    conn: &impl ConnectionTrait,
    child: AthleteId,
) -> Result<Vec<Copy>, StoreError> {
    let open = [State::Planned, State::Sending, State::Processing].map(State::word);
    let rows = Entity::find()
        .filter(Column::Child.eq(child.to_string()))
        .filter(Column::State.is_in(open))
        .order_by_asc(Column::Id);
    all(conn, rows).await
}

/// All lines that stem from an athlete's activities.
pub(crate) async fn of_guardian(
    conn: &impl ConnectionTrait,
    guardian: AthleteId,
) -> Result<Vec<Copy>, StoreError> {
    all(conn, Entity::find().filter(Column::Guardian.eq(guardian.to_string()))).await
}

/// All lines that lead to a child's account.
pub(crate) async fn of_child(
    conn: &impl ConnectionTrait,
    child: AthleteId,
) -> Result<Vec<Copy>, StoreError> {
    all(conn, Entity::find().filter(Column::Child.eq(child.to_string()))).await
}

/// Whether an activity of Strava's is one that we made.
pub(crate) async fn made(
    conn: &impl ConnectionTrait,
    child: AthleteId,
    activity: StravaActivityId,
) -> Result<bool, StoreError> {
    let found = Entity::find()
        .filter(Column::StravaActivity.eq(activity.get()))
        .filter(Column::Child.eq(child.to_string()))
        .filter(Column::Reason.ne(reason::ALREADY_THERE))
        .one(conn)
        .await?;
    Ok(found.is_some())
}

/// A page of the lines in which somebody takes part, newest first, older than `before`.
pub(crate) async fn page(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    before: Option<CopyId>,
    limit: u64,
) -> Result<Vec<Copy>, StoreError> {
    let mut rows =
        Entity::find().filter(takes_part(SIDES, athlete)).order_by_desc(Column::Id).limit(limit);
    if let Some(before) = before {
        rows = rows.filter(Column::Id.lt(before.to_string()));
    }
    all(conn, rows).await
}

/// Deletes every line in which somebody takes part.
pub(crate) async fn forget(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<u64, StoreError> {
    Ok(Entity::delete_many().filter(takes_part(SIDES, athlete)).exec(conn).await?.rows_affected)
}

async fn all(conn: &impl ConnectionTrait, rows: Select<Entity>) -> Result<Vec<Copy>, StoreError> {
    rows.all(conn).await?.into_iter().map(to_copy).collect()
}

fn to_row(copy: &Copy) -> Model {
    let origins = copy.source.origins.iter();
    let origins = origins.map(|origin| format!("{}:{}", origin.application, origin.generation));
    Model {
        id: copy.id.to_string(),
        link: copy.link.to_string(),
        activity: copy.activity.to_string(),
        guardian: copy.guardian.to_string(),
        child: copy.child.to_string(),
        state: copy.state.word().to_owned(),
        reason: copy.reason.clone(),
        detail: cut(&copy.detail, 1000),
        revision: copy.revision,
        source_revision: copy.source.revision,
        name: cut(&copy.source.name, 400),
        sport: cut(&copy.source.sport, 50),
        start_at_us: copy.source.start_at.as_micros(),
        distance_dm: copy.source.distance_dm,
        trainer: copy.source.trainer,
        commute: copy.source.commute,
        streams_key: copy.source.streams_key.clone(),
        origins: origins.collect::<Vec<_>>().join(","),
        target_application: copy.target.map(|target| target.application.get()),
        target_generation: copy.target.map(|target| target.generation.get()),
        upload: copy.upload,
        strava_activity: copy.strava_activity.map(StravaActivityId::get),
        must_look: copy.must_look,
        looks: copy.looks,
        sends: copy.sends,
        sent_at_us: copy.sent_at.map(Timestamp::as_micros),
        source_changed_at_us: copy.source_changed_at.map(Timestamp::as_micros),
        source_removed_at_us: copy.source_removed_at.map(Timestamp::as_micros),
        traceparent: cut(&copy.traceparent, 80),
        created_at_us: copy.created_at.as_micros(),
        updated_at_us: copy.updated_at.as_micros(),
    }
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

fn to_copy(row: Model) -> Result<Copy, StoreError> {
    Ok(Copy {
        id: id(&row.id, "copy", "id")?,
        link: id(&row.link, "copy", "link")?,
        activity: id(&row.activity, "copy", "activity")?,
        guardian: id(&row.guardian, "copy", "guardian")?,
        child: id(&row.child, "copy", "child")?,
        state: State::from_word(&row.state)
            .ok_or_else(|| inconsistent("copy", "state", &row.id))?,
        source: Source {
            revision: row.source_revision,
            name: row.name,
            sport: row.sport,
            start_at: Timestamp::from_micros(row.start_at_us),
            distance_dm: row.distance_dm,
            trainer: row.trainer,
            commute: row.commute,
            streams_key: row.streams_key,
            origins: origins(&row.origins)
                .ok_or_else(|| inconsistent("copy", "origins", &row.id))?,
        },
        reason: row.reason,
        detail: row.detail,
        revision: row.revision,
        target: row.target_application.zip(row.target_generation).map(
            |(application, generation)| Target {
                application: ApplicationId::new(application),
                generation: Generation::new(generation),
            },
        ),
        upload: row.upload,
        strava_activity: row.strava_activity.map(StravaActivityId::new),
        must_look: row.must_look,
        looks: row.looks,
        sends: row.sends,
        sent_at: row.sent_at_us.map(Timestamp::from_micros),
        source_changed_at: row.source_changed_at_us.map(Timestamp::from_micros),
        source_removed_at: row.source_removed_at_us.map(Timestamp::from_micros),
        traceparent: row.traceparent,
        created_at: Timestamp::from_micros(row.created_at_us),
        updated_at: Timestamp::from_micros(row.updated_at_us),
    })
}

fn origins(text: &str) -> Option<Vec<Origin>> {
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
