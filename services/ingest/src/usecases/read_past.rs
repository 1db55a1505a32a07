//! An athlete's past: summaries, newest first, page by page, to be taken up again wherever it stopped.

mod page;

use jobs::{Claimed, Outcome};
use lifecycle::Stop;
use outbox::{StoreError, again_if_contended};
use strava_client::lease::Purpose;
use strava_client::{ActivityPage, ListQuery};

use super::job::ConnectionJob;
use super::trouble::Trouble;
use super::{Core, list};
use crate::domain::connection::Connection;
use crate::domain::import::{Import, State};
use crate::store;

/// What became of one page.
enum Turned {
    /// There may be another.
    On,
    /// That was all.
    End,
    /// The job, or the connection, is another's by now.
    Lost,
    /// Not now, or never.
    Trouble(Trouble),
}

/// Reads pages until the list ends, something stands in the way, or we are to stop.
pub(crate) async fn read_past(
    core: &Core,
    claimed: &Claimed,
    soft: &Stop,
) -> Result<Outcome, anyhow::Error> {
    let told: ConnectionJob = serde_json::from_value(claimed.payload.clone())?;
    let Some(athlete) = claimed.athlete else { return Ok(Outcome::Done) };
    let mut turn = 0;
    loop {
        let readers = core.database.readers();
        let connection = store::connections::find(readers, athlete, told.application).await?;
        let Some(connection) = connection.filter(Connection::is_connected) else {
            return Ok(Outcome::Done);
        };
        let import = store::imports::find(readers, athlete, told.application).await?;
        let Some(import) = import.filter(|import| import.state != State::Done) else {
            return Ok(Outcome::Done);
        };
        if soft.is_stopped() {
            return Ok(Outcome::Later {
                due: core.now(),
                reason: "stopping".to_owned(),
                counts: false,
            });
        }
        let attempt = format!("{}:{}:{turn}", claimed.id, claimed.epoch);
        match turn_page(core, claimed, (&connection, import), attempt).await? {
            Turned::On => turn += 1,
            Turned::End | Turned::Lost => return Ok(Outcome::Settled),
            Turned::Trouble(trouble) => return Ok(note(core, &connection, trouble).await?),
        }
    }
}

async fn turn_page(
    core: &Core,
    claimed: &Claimed,
    (connection, import): (&Connection, Import),
    attempt: String,
) -> Result<Turned, anyhow::Error> {
    let query = ListQuery {
        before: import.before_s.map(kernel::Timestamp::from_secs),
        per_page: core.settings.page,
        ..ListQuery::default()
    };
    let Some(ticket) = list::draw(&core.bulk, connection).await? else {
        return Ok(Turned::Trouble(Trouble::Drop { reason: "fenced" }));
    };
    let ask = (Purpose::Backfill, attempt, claimed.attempts);
    let answer = match list::ask_for_page(core, connection, ask, &query).await {
        Ok(answer) => answer,
        Err(trouble) => return Ok(Turned::Trouble(trouble)),
    };
    core.gap("ingest.page-fetched");
    let source = crate::domain::observation::Source {
        ticket,
        generation: connection.generation,
        answered_at: answer.date.unwrap_or_else(|| core.now()),
    };
    warn_of_odd(connection, &answer.body);
    let kept = page::keep(core, claimed, connection, (import, source, answer.body)).await?;
    core.gap("ingest.page-committed");
    Ok(kept)
}

fn warn_of_odd(connection: &Connection, page: &ActivityPage) {
    for odd in &page.unreadable {
        let id = odd.id.map(kernel::StravaActivityId::get);
        tracing::warn!(athlete.id = %connection.athlete, strava.activity = id, reason = odd.reason, "a row of the list cannot be read");
    }
}

/// Writes down what stands in the way, for the athlete to see.
async fn note(
    core: &Core,
    connection: &Connection,
    trouble: Trouble,
) -> Result<Outcome, StoreError> {
    let (athlete, application) = (connection.athlete, connection.application);
    again_if_contended(|| async {
        let mut effect = core.bulk.effect(athlete).await?;
        let import = store::imports::find(effect.conn(), athlete, application).await?;
        let Some(mut import) = import.filter(|import| import.generation == connection.generation)
        else {
            return Ok(());
        };
        import.state =
            if matches!(trouble, Trouble::Later { .. }) { State::Waiting } else { State::Failed };
        trouble.reason().clone_into(&mut import.reason);
        import.next_try_us = trouble.due().map_or(0, kernel::Timestamp::as_micros);
        import.changed_at = core.now();
        store::imports::save(effect.conn(), &import, true).await?;
        effect.bump_version();
        effect.commit().await
    })
    .await?;
    Ok(match trouble {
        Trouble::Later { due, reason, counts } => {
            Outcome::Later { due, reason: reason.to_owned(), counts }
        }
        Trouble::Drop { .. } => Outcome::Done,
        Trouble::Fail { reason } => Outcome::Failed { reason: reason.to_owned() },
    })
}
