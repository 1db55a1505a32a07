//! The newest page of an athlete's list: finds what no webhook told us.

use std::time::Duration;

use contracts::wire::Cause;
use jobs::{Claimed, Outcome};
use kernel::{StravaActivityId, Timestamp};
use outbox::{Effect, StoreError, again_if_contended};
use strava_client::lease::Purpose;
use strava_client::{ActivityPage, ListQuery};

use super::job::{self, ConnectionJob};
use super::list::{self, Row, see_rows};
use super::record::Telling;
use super::trouble::Trouble;
use super::{Core, journal::Line};
use crate::domain::connection::{Connection, Head};
use crate::domain::facts::Facts;
use crate::domain::import::State;
use crate::domain::observation::{Key, Source};
use crate::store;

/// Activities that are missing from the page and looked at one by one, at most.
const SUSPECTS: usize = 20;

/// Does the job.
pub(crate) async fn look_at_head(core: &Core, claimed: &Claimed) -> Result<Outcome, anyhow::Error> {
    let told: ConnectionJob = serde_json::from_value(claimed.payload.clone())?;
    let Some(athlete) = claimed.athlete else { return Ok(Outcome::Done) };
    let readers = core.database.readers();
    let connection = store::connections::find(readers, athlete, told.application).await?;
    let Some(connection) = connection.filter(Connection::is_connected) else {
        return Ok(Outcome::Done);
    };
    let import = store::imports::find(readers, athlete, told.application).await?;
    if let Some(import) =
        import.filter(|import| matches!(import.state, State::Waiting | State::Running))
    {
        // Until the past is read, everything on the page would look new.
        let soon = core.now().plus(Duration::from_secs(2));
        let due = soon.max(Timestamp::from_micros(import.next_try_us));
        return Ok(Outcome::Later { due, reason: "import-first".to_owned(), counts: false });
    }
    match page(core, claimed, &connection).await? {
        Ok((source, page)) => Ok(keep(core, claimed, &connection, (source, &page)).await?),
        Err(trouble) => Ok(give_up(core, &connection, trouble).await?),
    }
}

async fn page(
    core: &Core,
    claimed: &Claimed,
    connection: &Connection,
) -> Result<Result<(Source, ActivityPage), Trouble>, anyhow::Error> {
    let Some(ticket) = list::draw(&core.database, connection).await? else {
        return Ok(Err(Trouble::Drop { reason: "fenced" }));
    };
    let attempt = format!("{}:{}", claimed.id, claimed.epoch);
    let ask = (Purpose::Reconcile, attempt, claimed.attempts);
    let query = ListQuery { per_page: core.settings.head_page, ..ListQuery::default() };
    let answer = match list::ask_for_page(core, connection, ask, &query).await {
        Ok(answer) => answer,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let answered_at = answer.date.unwrap_or_else(|| core.now());
    Ok(Ok((Source { ticket, generation: connection.generation, answered_at }, answer.body)))
}

async fn keep(
    core: &Core,
    claimed: &Claimed,
    connection: &Connection,
    (source, page): (Source, &ActivityPage),
) -> Result<Outcome, StoreError> {
    let rows: Vec<Row> =
        page.activities.iter().map(|row| (row.value.id, Facts::of(&row.value))).collect();
    again_if_contended(|| keep_once(core, claimed, connection, (source, &rows))).await?;
    core.gap("ingest.head-committed");
    Ok(Outcome::Settled)
}

async fn keep_once(
    core: &Core,
    claimed: &Claimed,
    connection: &Connection,
    (source, rows): (Source, &[Row]),
) -> Result<(), StoreError> {
    let mut effect = core.database.effect(connection.athlete).await?;
    if !core.queue.holds(effect.conn(), claimed).await? {
        return Ok(());
    }
    if list::is_current(&effect, connection).await? {
        see(core, &mut effect, connection, (source, rows)).await?;
        let now = core.now().as_micros();
        let head = Head { looked_us: now, tried_us: now, problem: String::new() };
        store::connections::looked(effect.conn(), of(connection), &head).await?;
    }
    core.queue.done(effect.conn(), claimed).await?;
    effect.commit().await
}

/// Counts what is new or changed at once; what is new, or gone, gets a look of its own.
async fn see(
    core: &Core,
    effect: &mut Effect,
    connection: &Connection,
    (source, rows): (Source, &[Row]),
) -> Result<(), StoreError> {
    let telling = Telling { cause: Cause::Sweep, always: false };
    let changed = see_rows(core, effect, (connection, source, rows), telling).await?;
    let suspects = missing(core, effect, connection, rows).await?;
    let bare = changed
        .iter()
        .filter(|activity| !activity.state.has_details)
        .map(|activity| activity.strava);
    for strava in bare.chain(suspects) {
        let key = Key { athlete: connection.athlete, application: connection.application, strava };
        let mut change = core.load(effect, key).await?;
        change.observation.attention.hint(false, false);
        store::observations::save(effect.conn(), &change.observation, change.known).await?;
        core.queue.want(effect.conn(), &job::look_at(key, false, core.now())).await?;
        let line = Line {
            activity: change.observation.activity,
            step: "swept",
            state: "waiting",
            ..Line::default()
        };
        core.note(effect, key, line).await?;
    }
    Ok(())
}

/// What we know and the page, which spans its time, does not show.
async fn missing(
    core: &Core,
    effect: &Effect,
    connection: &Connection,
    rows: &[Row],
) -> Result<Vec<StravaActivityId>, StoreError> {
    let full = rows.len() >= core.settings.head_page as usize;
    let oldest = rows.iter().map(|(_, facts)| facts.start_at).min().filter(|_| full);
    let since =
        oldest.map_or(Timestamp::from_micros(0), |oldest| oldest.plus(Duration::from_secs(1)));
    let known = store::activities::started_since(
        effect.conn(),
        connection.athlete,
        connection.application,
        since,
    )
    .await?;
    let shown = |strava: &StravaActivityId| rows.iter().any(|(shown, _)| shown == strava);
    Ok(known.into_iter().filter(|strava| !shown(strava)).take(SUSPECTS).collect())
}

async fn give_up(
    core: &Core,
    connection: &Connection,
    trouble: Trouble,
) -> Result<Outcome, StoreError> {
    let tried_us = core.now().as_micros();
    let head = Head { tried_us, problem: trouble.reason().to_owned(), ..connection.head };
    store::connections::looked(core.database.writer(), of(connection), &head).await?;
    Ok(match trouble {
        Trouble::Later { due, reason, counts } => {
            Outcome::Later { due, reason: reason.to_owned(), counts }
        }
        Trouble::Drop { .. } => Outcome::Done,
        Trouble::Fail { reason } => Outcome::Failed { reason: reason.to_owned() },
    })
}

const fn of(connection: &Connection) -> (kernel::AthleteId, kernel::ApplicationId) {
    (connection.athlete, connection.application)
}
