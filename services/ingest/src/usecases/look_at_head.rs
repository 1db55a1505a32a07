//! The newest page of an athlete's list, and one that goes round it: they find what no webhook told us.

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
use crate::domain::connection::{Connection, Head, Turn};
use crate::domain::facts::Facts;
use crate::domain::import::State;
use crate::domain::observation::{Key, Source};
use crate::store;

/// Activities that are missing from the page and looked at one by one, at most.
const SUSPECTS: usize = 20;
/// For how long an activity that lists leave out is believed to be there.
const BELIEVED: Duration = Duration::from_hours(7 * 24);

/// Which part of the list is looked at.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    before: Option<Timestamp>,
    rows: u32,
    /// Whether it is the page that goes round.
    turns: bool,
}

impl Stretch {
    fn of(core: &Core, claimed: &Claimed, connection: &Connection) -> Self {
        if claimed.kind == job::TURN {
            let before = connection.turn.before_s.map(Timestamp::from_secs);
            return Self { before, rows: core.settings.page, turns: true };
        }
        Self { before: None, rows: core.settings.head_page, turns: false }
    }
}

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
    let stretch = Stretch::of(core, claimed, &connection);
    match page(core, claimed, (&connection, stretch)).await? {
        Ok((source, page)) => {
            Ok(keep(core, claimed, (&connection, stretch), (source, &page)).await?)
        }
        Err(trouble) => Ok(give_up(core, &connection, trouble).await?),
    }
}

async fn page(
    core: &Core,
    claimed: &Claimed,
    (connection, stretch): (&Connection, Stretch),
) -> Result<Result<(Source, ActivityPage), Trouble>, anyhow::Error> {
    let Some(ticket) = list::draw(&core.database, connection).await? else {
        return Ok(Err(Trouble::Drop { reason: "fenced" }));
    };
    let attempt = format!("{}:{}", claimed.id, claimed.epoch);
    let ask = (Purpose::Reconcile, attempt, claimed.attempts);
    let query =
        ListQuery { before: stretch.before, per_page: stretch.rows, ..ListQuery::default() };
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
    of: (&Connection, Stretch),
    (source, page): (Source, &ActivityPage),
) -> Result<Outcome, StoreError> {
    let rows: Vec<Row> =
        page.activities.iter().map(|row| (row.value.id, Facts::of(&row.value))).collect();
    again_if_contended(|| keep_once(core, claimed, of, (source, &rows))).await?;
    core.gap("ingest.head-committed");
    Ok(Outcome::Settled)
}

async fn keep_once(
    core: &Core,
    claimed: &Claimed,
    (connection, stretch): (&Connection, Stretch),
    (source, rows): (Source, &[Row]),
) -> Result<(), StoreError> {
    let mut effect = core.database.effect(connection.athlete).await?;
    if !core.queue.holds(effect.conn(), claimed).await? {
        return Ok(());
    }
    if list::is_current(&effect, connection).await? {
        see(core, &mut effect, (connection, stretch), (source, rows)).await?;
        let now = core.now().as_micros();
        if stretch.turns {
            let turn = Turn { turned_us: now, before_s: oldest(rows).map(Timestamp::as_secs) };
            store::connections::turned(effect.conn(), of(connection), turn).await?;
        } else {
            let head = Head { looked_us: now, tried_us: now, problem: String::new() };
            store::connections::looked(effect.conn(), of(connection), &head).await?;
        }
    }
    core.queue.done(effect.conn(), claimed).await?;
    effect.commit().await
}

/// Counts what is new or changed at once; what is new, or gone, gets a look of its own.
async fn see(
    core: &Core,
    effect: &mut Effect,
    (connection, stretch): (&Connection, Stretch),
    (source, rows): (Source, &[Row]),
) -> Result<(), StoreError> {
    let telling = Telling { cause: Cause::Sweep, always: false };
    let changed = see_rows(core, effect, (connection, source, rows), telling).await?;
    let bare = changed.iter().filter(|activity| !activity.state.has_details);
    for strava in bare.map(|activity| activity.strava) {
        want_look(core, effect, (connection, strava), false).await?;
    }
    for strava in missing(effect, (connection, stretch), rows).await? {
        want_look(core, effect, (connection, strava), true).await?;
    }
    Ok(())
}

async fn want_look(
    core: &Core,
    effect: &mut Effect,
    (connection, strava): (&Connection, StravaActivityId),
    unlisted: bool,
) -> Result<(), StoreError> {
    let key = Key { athlete: connection.athlete, application: connection.application, strava };
    let mut change = core.load(effect, key).await?;
    let observation = &mut change.observation;
    let lately = observation.answered_at().is_some_and(|at| core.now().since(at) < BELIEVED);
    if unlisted && observation.attention.unlisted && lately {
        // It was looked at when it was missed first, and is there: some lists leave some out.
        return Ok(());
    }
    observation.attention.unlisted = unlisted;
    observation.attention.hint(false, false);
    store::observations::save(effect.conn(), observation, change.known).await?;
    core.queue.want(effect.conn(), &job::look_at(key, false, core.now())).await?;
    let activity = change.observation.activity;
    let line = Line { activity, step: "swept", state: "waiting", ..Line::default() };
    core.note(effect, key, line).await
}

/// What we know and the page, which spans its time, does not show.
async fn missing(
    effect: &Effect,
    (connection, stretch): (&Connection, Stretch),
    rows: &[Row],
) -> Result<Vec<StravaActivityId>, StoreError> {
    let full = rows.len() >= stretch.rows as usize;
    let since = oldest(rows)
        .filter(|_| full)
        .map_or(Timestamp::from_micros(0), |oldest| oldest.plus(Duration::from_secs(1)));
    let known =
        store::activities::started_between(effect.conn(), of(connection), since, stretch.before)
            .await?;
    let shown = |strava: &StravaActivityId| rows.iter().any(|(shown, _)| shown == strava);
    // The newest first: a list that leaves some out must not hide what went lately behind them.
    Ok(known.into_iter().filter(|strava| !shown(strava)).take(SUSPECTS).collect())
}

fn oldest(rows: &[Row]) -> Option<Timestamp> {
    rows.iter().map(|(_, facts)| facts.start_at).min()
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
