//! What was found becomes what is known, in one effect with the end of the job.

use contracts::wire::Cause;
use jobs::{Claimed, Later, Outcome};
use kernel::{ActivityId, Timestamp};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use outbox::{Effect, StoreError, again_if_contended};

use super::fetch::{Found, StreamsFound};
use super::{Look, earlier};
use crate::domain::activity::Activity;
use crate::domain::observation::Observation;
use crate::domain::patience;
use crate::store;
use crate::usecases::Core;
use crate::usecases::journal::Line;
use crate::usecases::list::is_current;
use crate::usecases::record::Telling;
use crate::usecases::trouble::Trouble;

/// When and why to look again.
#[derive(Clone, Debug, Default)]
struct Again {
    due: Option<Timestamp>,
    reason: &'static str,
    counts: bool,
}

/// Commits; what nobody needs any more is deleted afterwards.
pub(super) async fn commit(
    core: &Core,
    claimed: &Claimed,
    look: &Look,
    found: Found,
) -> Result<Outcome, StoreError> {
    let superseded = again_if_contended(|| once(core, claimed, look, found.clone())).await?;
    core.gap("ingest.activity-committed");
    for key in superseded {
        if let Err(error) = core.objects.delete(&Path::from(key)).await {
            tracing::debug!(%error, "a superseded object was not deleted");
        }
    }
    Ok(Outcome::Settled)
}

async fn once(
    core: &Core,
    claimed: &Claimed,
    look: &Look,
    found: Found,
) -> Result<Vec<String>, StoreError> {
    let mut effect = core.database.effect(look.key.athlete).await?;
    if !core.queue.holds(effect.conn(), claimed).await? {
        return Ok(found.streams.key().into_iter().collect());
    }
    if !is_current(&effect, &look.connection).await? {
        step_aside(core, &effect, claimed, look).await?;
        effect.commit().await?;
        return Ok(found.streams.key().into_iter().collect());
    }
    let mut change = core.load(&effect, look.key).await?;
    let telling = telling(&change.observation, look, change.told.as_ref());
    let (again, superseded) = learn(core, &mut change.observation, look, found);
    let attention = change.observation.attention;
    let id = change.observation.activity;
    let told = core.record(&mut effect, change, telling).await?;
    let line = line(claimed, &again, told.as_ref(), id);
    core.note(&effect, look.key, line).await?;
    match again.due {
        // A hint that came meanwhile does not wait for the next look.
        Some(due) => {
            let due = if attention.is_pending() { core.now() } else { due };
            let later = Later { due, reason: again.reason, counts: again.counts };
            core.queue.later_in(effect.conn(), claimed, later).await?;
        }
        None => drop(core.queue.done(effect.conn(), claimed).await?),
    }
    core.gap("ingest.activity-uncommitted");
    effect.commit().await?;
    Ok(superseded)
}

/// The answer came through a connection that is not the athlete's any more: asked again through the new one, if any.
async fn step_aside(
    core: &Core,
    effect: &Effect,
    claimed: &Claimed,
    look: &Look,
) -> Result<(), StoreError> {
    let now =
        store::connections::find(effect.conn(), look.key.athlete, look.key.application).await?;
    if now.is_some_and(|now| now.is_connected() && !effect.is_fenced(&[now.origin()])) {
        let later = Later { due: core.now(), reason: "reconnected", counts: false };
        return core.queue.later_in(effect.conn(), claimed, later).await;
    }
    core.queue.done(effect.conn(), claimed).await.map(drop)
}

/// A fetch that a hint caused is always told; one that only looked again tells what changed, as what it was told.
fn telling(observation: &Observation, look: &Look, told: Option<&Activity>) -> Telling {
    let attention = observation.attention;
    let pending = look.before.attention.hints > attention.answered;
    let cause = match told.map(|told| told.cause) {
        _ if pending && attention.live => Cause::Live,
        Some(cause @ (Cause::Live | Cause::Sweep)) if !pending => cause,
        _ => Cause::Sweep,
    };
    Telling { cause, always: pending }
}

/// Takes what was found into the observation. Says when to look again, and which objects go.
fn learn(
    core: &Core,
    observation: &mut Observation,
    look: &Look,
    found: Found,
) -> (Again, Vec<String>) {
    let now = core.now();
    let mut superseded = Vec::new();
    let again = match found.facts {
        None => missing(observation, &found, now, &mut superseded),
        Some(ref facts) => {
            observation.see_detail(found.source, facts.clone());
            let unbelieved = unbelieved(observation, now);
            let streams = streams(observation, found, now, &mut superseded);
            let first = earlier(unbelieved.due, streams.due);
            if first == unbelieved.due && first.is_some() { unbelieved } else { streams }
        }
    };
    let attention = &mut observation.attention;
    attention.answered = attention.answered.max(look.before.attention.hints);
    if !attention.is_pending() {
        attention.live = false;
    }
    (again, superseded)
}

/// A removal of what was seen; not readable yet, if it never was; after a delete hint a tombstone to be checked again.
fn missing(
    observation: &mut Observation,
    found: &Found,
    now: Timestamp,
    superseded: &mut Vec<String>,
) -> Again {
    let seen = observation.is_seen();
    let deleted = observation.attention.delete;
    if seen || deleted || observation.missing.is_some() {
        superseded.extend(observation.see_missing(found.source).map(|streams| streams.key));
    }
    if seen {
        observation.attention.delete = false;
        return Again::default();
    }
    let reason = match (deleted, observation.missing.is_some()) {
        (true, _) => "deleted",
        (false, false) => "not-readable",
        (false, true) => return Again::default(),
    };
    look_again(observation, now, reason)
}

/// A delete was hinted, and yet it is there: looked at again before that is believed.
fn unbelieved(observation: &mut Observation, now: Timestamp) -> Again {
    if !observation.attention.delete {
        observation.attention.looks = 0;
        return Again::default();
    }
    look_again(observation, now, "delete-not-seen")
}

fn look_again(observation: &mut Observation, now: Timestamp, reason: &'static str) -> Again {
    let attention = &mut observation.attention;
    let Some(wait) = patience::after_not_found(attention.looks) else {
        attention.delete = false;
        attention.looks = 0;
        return Again { reason, ..Again::default() };
    };
    attention.looks += 1;
    Again { due: Some(now.plus(wait)), reason, counts: false }
}

fn streams(
    observation: &mut Observation,
    found: Found,
    now: Timestamp,
    superseded: &mut Vec<String>,
) -> Again {
    match found.streams {
        StreamsFound::Kept(kept) => {
            superseded.extend(observation.see_streams(found.source, kept));
            observation.attention.stream_looks = 0;
            Again::default()
        }
        StreamsFound::Nothing => Again::default(),
        StreamsFound::NotReady => {
            let wait = patience::after_no_streams(observation.attention.stream_looks);
            observation.attention.stream_looks += 1;
            Again {
                due: wait.map(|wait| now.plus(wait)),
                reason: "streams-not-ready",
                counts: false,
            }
        }
        StreamsFound::Trouble(Trouble::Later { due, reason, counts }) => {
            Again { due: Some(due), reason, counts }
        }
        StreamsFound::Trouble(trouble) => Again { reason: trouble.reason(), ..Again::default() },
    }
}

fn line<'a>(
    claimed: &Claimed,
    again: &'a Again,
    told: Option<&Activity>,
    known: Option<ActivityId>,
) -> Line<'a> {
    let gone = told.is_some_and(|told| told.state.is_removed());
    Line {
        activity: told.map(|told| told.id).or(known),
        step: if gone { "removed" } else { "fetched" },
        state: match again.due {
            Some(_) => "waiting",
            None if told.is_none() && again.reason == "not-readable" => "failed",
            None => "done",
        },
        reason: again.reason,
        attempts: claimed.attempts,
        next_try: again.due,
    }
}

impl StreamsFound {
    fn key(&self) -> Option<String> {
        match self {
            Self::Kept(kept) => Some(kept.key.clone()),
            _ => None,
        }
    }
}
