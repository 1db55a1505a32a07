//! The journal: "where is my activity?"

use kernel::{ActivityId, ApplicationId, AthleteId, EventId, StravaActivityId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::row::{get, id, maybe_id};
use crate::domain::journal::Entry;

/// A place in the athlete's journal, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) at: Timestamp,
    pub(crate) id: EventId,
}

/// Keeps an entry; false when it was there already.
pub(crate) async fn keep<C: ConnectionTrait>(conn: &C, it: &Entry) -> Result<bool, StoreError> {
    let kept = sql::execute(
        conn,
        "INSERT INTO journal (id, athlete, activity, application, strava_activity, service, step, state, reason, \
         attempts, next_try_us, at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            it.id.to_string().into(),
            it.athlete.to_string().into(),
            it.activity.map(|activity| activity.to_string()).into(),
            it.application.get().into(),
            it.strava.get().into(),
            cut(&it.service, 32),
            cut(&it.step, 32),
            cut(&it.state, 16),
            cut(&it.reason, 64),
            it.attempts.into(),
            it.next_try_us.into(),
            it.at.as_micros().into(),
        ],
    )
    .await;
    match kept {
        Ok(_) => Ok(true),
        Err(error) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

/// A page of the athlete's journal, newest first.
pub(crate) async fn page<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    activity: Option<ActivityId>,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    let mut query = "SELECT * FROM journal WHERE athlete = ?".to_owned();
    let mut values: Vec<Value> = vec![athlete.to_string().into()];
    if let Some(activity) = activity {
        query.push_str(" AND activity = ?");
        values.push(activity.to_string().into());
    }
    if let Some(place) = after {
        query.push_str(" AND (at_us < ? OR (at_us = ? AND id < ?))");
        let at = place.at.as_micros();
        values.extend([at.into(), at.into(), place.id.to_string().into()]);
    }
    query.push_str(" ORDER BY at_us DESC, id DESC LIMIT ?");
    values.push(i64::from(limit).into());
    sql::all(conn, &query, values).await?.iter().map(read).collect()
}

/// Forgets what is older than this.
pub(crate) async fn forget_before<C: ConnectionTrait>(
    conn: &C,
    before: Timestamp,
) -> Result<(), StoreError> {
    sql::execute(conn, "DELETE FROM journal WHERE at_us < ?", [before.as_micros().into()]).await?;
    Ok(())
}

/// Forgets everything the athlete has of one application.
pub(crate) async fn forget_application<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    application: ApplicationId,
) -> Result<(), StoreError> {
    let values = [athlete.to_string().into(), application.get().into()];
    sql::execute(conn, "DELETE FROM journal WHERE athlete = ? AND application = ?", values).await?;
    Ok(())
}

/// Forgets everything the athlete has.
pub(crate) async fn forget_everything<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    sql::execute(conn, "DELETE FROM journal WHERE athlete = ?", [athlete.to_string().into()])
        .await?;
    Ok(())
}

fn cut(text: &str, most: usize) -> Value {
    text.chars().take(most).collect::<String>().into()
}

fn read(row: &QueryResult) -> Result<Entry, StoreError> {
    Ok(Entry {
        id: id(row, "id")?,
        athlete: id(row, "athlete")?,
        activity: maybe_id(row, "activity")?,
        application: ApplicationId::new(get(row, "application")?),
        strava: StravaActivityId::new(get(row, "strava_activity")?),
        service: get(row, "service")?,
        step: get(row, "step")?,
        state: get(row, "state")?,
        reason: get(row, "reason")?,
        attempts: get(row, "attempts")?,
        next_try_us: get(row, "next_try_us")?,
        at: Timestamp::from_micros(get(row, "at_us")?),
    })
}
