//! What token says of an athlete's connections: connect starts an import, withdrawal ends the work, an erase is final.

use contracts::Erasure;
use contracts::athletes::{
    AthleteChanged, Connection as Told, ConnectionState, athlete_changed::Change,
};
use kernel::{ApplicationId, AthleteId, Generation, StravaAthleteId, Timestamp};
use outbox::{Effect, StoreError, again_if_contended};

use super::record::{Change as Changed, Telling};
use super::{Core, job};
use crate::domain::connection::{Connection, Head, State, Turn};
use crate::domain::import::{Import, State as ImportState};
use crate::store;

/// Does what the message asks for.
pub(crate) async fn follow_connection(
    core: &Core,
    athlete: AthleteId,
    message: &AthleteChanged,
) -> Result<(), StoreError> {
    let Some(change) = &message.change else { return Ok(()) };
    again_if_contended(|| async {
        let mut effect = core.database.effect(athlete).await?;
        match change {
            Change::Connection(told) => adopt(core, &mut effect, told, message.revision).await?,
            Change::Erase(erase) => {
                let through = Generation::new(erase.through_generation);
                erase_connection(core, &mut effect, ApplicationId::new(erase.application), through)
                    .await?;
            }
            Change::Gone(_) => erase_everything(core, &mut effect).await?,
        }
        effect.commit().await
    })
    .await
}

async fn adopt(
    core: &Core,
    effect: &mut Effect,
    told: &Told,
    revision: i64,
) -> Result<(), StoreError> {
    let told = connection(effect.athlete(), told, revision);
    let stored = store::connections::find(effect.conn(), told.athlete, told.application).await?;
    let old_news = stored.as_ref().is_some_and(|stored| stored.revision >= revision);
    if old_news || effect.is_fenced(&[told.origin()]) {
        return Ok(());
    }
    store::connections::save(effect.conn(), &told, stored.is_some()).await?;
    if !told.is_connected() {
        core.queue.forget(effect.conn(), told.athlete).await?;
        return Ok(());
    }
    let import = store::imports::find(effect.conn(), told.athlete, told.application).await?;
    let current = import.as_ref().filter(|import| import.generation >= told.generation);
    if current.is_none() {
        let fresh = Import::new(told.athlete, told.application, told.generation, core.now());
        store::imports::save(effect.conn(), &fresh, import.is_some()).await?;
        effect.bump_version();
    }
    // One that was interrupted by a withdrawal goes on where it was.
    if current.is_none_or(|import| import.state != ImportState::Done) {
        core.queue.want(effect.conn(), &job::past_of(&told, core.now())).await?;
    }
    Ok(())
}

/// Raises the fence and forgets the rows behind it. (Objects, and the receipt, come with erasure itself.)
async fn erase_connection(
    core: &Core,
    effect: &mut Effect,
    application: ApplicationId,
    through: Generation,
) -> Result<(), StoreError> {
    effect.raise_fence(Erasure::Connection { application, through }).await?;
    let athlete = effect.athlete();
    let stored = store::connections::find(effect.conn(), athlete, application).await?;
    let current = stored.as_ref().map(|stored| stored.generation);
    if current.is_none_or(|current| current <= through) {
        core.queue.forget(effect.conn(), athlete).await?;
        if let Some(stored) = stored {
            let withdrawn = Connection { state: State::Disconnected, ..stored };
            store::connections::save(effect.conn(), &withdrawn, true).await?;
        }
    }
    for (_, mut observation) in
        store::observations::all_of(effect.conn(), athlete, application).await?
    {
        observation.forget_through(through);
        let told = match observation.activity {
            Some(id) => store::activities::find(effect.conn(), id).await?,
            None => None,
        };
        if observation.is_seen() || observation.missing.is_some() {
            let cause = told.as_ref().map_or(contracts::Cause::Backfill, |told| told.cause);
            let change = Changed { observation, known: true, told };
            core.record(effect, change, Telling { cause, always: false }).await?;
            continue;
        }
        store::observations::forget(effect.conn(), observation.key).await?;
        if let Some(told) = told {
            store::activities::forget(effect.conn(), told.id).await?;
        }
    }
    store::journal::forget_application(effect.conn(), athlete, application).await?;
    effect.forget_fenced().await?;
    effect.bump_version();
    Ok(())
}

async fn erase_everything(core: &Core, effect: &mut Effect) -> Result<(), StoreError> {
    effect.raise_fence(Erasure::Everything).await?;
    let athlete = effect.athlete();
    core.queue.forget(effect.conn(), athlete).await?;
    store::observations::forget_everything(effect.conn(), athlete).await?;
    store::activities::forget_everything(effect.conn(), athlete).await?;
    store::imports::forget_everything(effect.conn(), athlete).await?;
    store::journal::forget_everything(effect.conn(), athlete).await?;
    store::connections::forget_everything(effect.conn(), athlete).await?;
    effect.forget_fenced().await?;
    effect.bump_version();
    Ok(())
}

fn connection(athlete: AthleteId, told: &Told, revision: i64) -> Connection {
    Connection {
        athlete,
        application: ApplicationId::new(told.application),
        strava_athlete: StravaAthleteId::new(told.strava_athlete),
        generation: Generation::new(told.generation),
        state: match told.state() {
            ConnectionState::Connected => State::Connected,
            ConnectionState::ReconnectNeeded => State::ReconnectNeeded,
            ConnectionState::Disconnected | ConnectionState::Unspecified => State::Disconnected,
        },
        scopes: told.scopes.clone(),
        connected_at: Timestamp::from_micros(told.connected_at_us),
        reason: told.reason.clone(),
        revision,
        head: Head::default(),
        turn: Turn::default(),
    }
}
