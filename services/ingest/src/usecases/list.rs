//! Rows of the list, taken in many at a time.

use std::collections::HashMap;

use kernel::{StravaActivityId, Ticket};
use outbox::{Database, Effect, StoreError, again_if_contended};
use strava_client::lease::Purpose;
use strava_client::{ActivityPage, ApiResponse, ErrorKind, ListQuery};

use super::Core;
use super::record::{Change, Telling};
use super::trouble::Trouble;
use crate::clients::strava::Ask;
use crate::domain::activity::Activity;
use crate::domain::connection::Connection;
use crate::domain::facts::Facts;
use crate::domain::observation::{Key, Observation, Source};
use crate::store;

/// One row: which activity, and what the list says of it.
pub(crate) type Row = (StravaActivityId, Facts);

/// Draws the ticket before a page is asked for; none behind a fence.
pub(crate) async fn draw(
    database: &Database,
    connection: &Connection,
) -> Result<Option<Ticket>, StoreError> {
    again_if_contended(|| async {
        let mut effect = database.effect(connection.athlete).await?;
        if effect.is_fenced(&[connection.origin()]) {
            return Ok(None);
        }
        let ticket = Ticket::new(effect.next().await?);
        effect.commit().await?;
        Ok(Some(ticket))
    })
    .await
}

/// Asks for a page of the list; a token that turns out dead is refreshed once by reporting it, and the page asked for
/// once more.
pub(crate) async fn ask_for_page(
    core: &Core,
    connection: &Connection,
    (purpose, attempt, attempts): (Purpose, String, i64),
    query: &ListQuery,
) -> Result<ApiResponse<ActivityPage>, Trouble> {
    let mut tries = 0;
    loop {
        let ask = Ask { purpose, attempt: format!("{attempt}:{tries}"), reads: 1 };
        let asked = core.strava.ask(connection, &ask).await;
        let mut permission = asked.map_err(|refusal| Trouble::of_lease(&refusal, core.now()))?;
        let answer = permission.page(query).await;
        permission.close().await;
        match answer {
            Err(error) if error.kind == ErrorKind::TokenDead && tries == 0 => tries += 1,
            Err(error) => return Err(Trouble::of(&error, attempts, core.now())),
            Ok(answer) => return Ok(answer),
        }
    }
}

/// Whether the connection that was asked through still is the athlete's.
pub(crate) async fn is_current(
    effect: &Effect,
    connection: &Connection,
) -> Result<bool, StoreError> {
    if effect.is_fenced(&[connection.origin()]) {
        return Ok(false);
    }
    let now =
        store::connections::find(effect.conn(), connection.athlete, connection.application).await?;
    Ok(now.is_some_and(|now| now.generation == connection.generation && now.is_connected()))
}

/// Takes the rows in and says which made a difference.
pub(crate) async fn see_rows(
    core: &Core,
    effect: &mut Effect,
    (connection, source, rows): (&Connection, Source, &[Row]),
    telling: Telling,
) -> Result<Vec<Activity>, StoreError> {
    let (athlete, application) = (connection.athlete, connection.application);
    let wanted: Vec<_> = rows.iter().map(|(strava, _)| *strava).collect();
    let mut known =
        store::observations::find_all(effect.conn(), athlete, application, &wanted).await?;
    let unseen: Vec<_> =
        wanted.iter().copied().filter(|strava| !known.contains_key(strava)).collect();
    let identities =
        store::observations::identities(effect.conn(), athlete, application, &unseen).await?;
    let ids: Vec<_> = known
        .values()
        .filter_map(|known| known.activity)
        .chain(identities.values().copied())
        .collect();
    let told = store::activities::find_all(effect.conn(), &ids).await?;
    let mut told: HashMap<_, _> =
        told.into_iter().map(|activity| (activity.id, activity)).collect();
    let mut changed = Vec::new();
    for (strava, facts) in rows {
        let stored = known.remove(strava);
        let is_known = stored.is_some();
        let mut observation = stored
            .unwrap_or_else(|| Observation::unseen(Key { athlete, application, strava: *strava }));
        if is_known && says_nothing_new(&observation, source, facts) {
            continue;
        }
        if observation.activity.is_none() {
            observation.activity = identities.get(strava).copied();
        }
        observation.attention.unlisted = false;
        if !observation.see_summary(source, facts.clone()) {
            continue;
        }
        let before = observation.activity.and_then(|id| told.remove(&id));
        let change = Change { observation, known: is_known, told: before };
        changed.extend(core.record(effect, change, telling).await?);
    }
    Ok(changed)
}

/// Whether the row only repeats what is stored through the same connection.
fn says_nothing_new(observation: &Observation, source: Source, facts: &Facts) -> bool {
    let through = observation.last_sighting().map(|sighting| sighting.generation);
    through == Some(source.generation)
        && observation.facts() == Some(facts)
        && !observation.attention.unlisted
}
