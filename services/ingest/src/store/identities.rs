//! Which activity an observation is of. It outlives expiry and reconnect: the same activity must not be counted twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use kernel::{ActivityId, AthleteId, Source, SourceId};
use outbox::sql;
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::Result;
use super::row::parse_id;
use crate::domain::observation_key::ObservationKey;

#[derive(FromQueryResult)]
struct IdentityRow {
    source: String,
    source_id: String,
    activity: String,
}

/// Finds the activity of an observation, as [`find_many`] does.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    key: &ObservationKey,
) -> Result<Option<ActivityId>> {
    let ids = std::slice::from_ref(&key.source_id);
    let found = find_many(conn, key.athlete, key.source, ids).await?;
    Ok(found.into_values().next())
}

/// Finds the activities of these observations. What another Strava application knows by the same id is the same
/// activity: then that is stored for this source too.
pub(crate) async fn find_many(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    source: Source,
    ids: &[SourceId],
) -> Result<HashMap<SourceId, ActivityId>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let select = format!(
        "SELECT source, source_id, activity FROM source_identity \
         WHERE athlete = ? AND source_id IN ({}) ORDER BY source",
        sql::placeholders(ids.len())
    );
    let mut values: Vec<Value> = vec![athlete.to_string().into()];
    values.extend(ids.iter().map(|id| id.as_str().into()));
    let (mut own, mut others) = (HashMap::new(), HashMap::new());
    for row in sql::fetch_all::<IdentityRow>(conn, &select, values).await? {
        let known: Source = parse_id(&row.source)?;
        let (id, activity) = (parse_id::<SourceId>(&row.source_id)?, parse_id(&row.activity)?);
        if known == source {
            own.insert(id, activity);
        } else if known.application().is_some() && source.application().is_some() {
            others.insert(id, activity);
        }
    }
    for (source_id, activity) in others {
        if let Entry::Vacant(unknown) = own.entry(source_id) {
            let key = ObservationKey { athlete, source, source_id: unknown.key().clone() };
            insert(conn, &key, activity).await?;
            unknown.insert(activity);
        }
    }
    Ok(own)
}

/// Inserts which activity an observation is of; that never changes.
pub(crate) async fn insert(
    conn: &impl ConnectionTrait,
    key: &ObservationKey,
    activity: ActivityId,
) -> Result<()> {
    let insert =
        "INSERT INTO source_identity (athlete, source, source_id, activity) VALUES (?, ?, ?, ?)";
    let values = [
        key.athlete.to_string().into(),
        key.source.to_string().into(),
        key.source_id.as_str().into(),
        activity.to_string().into(),
    ];
    sql::execute(conn, insert, values).await?;
    Ok(())
}
