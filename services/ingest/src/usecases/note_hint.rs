//! A hint becomes a job: done by the consumer, or by intake itself while the log is away.

use std::time::Duration;

use contracts::strava::{Aspect, Hint, ObjectType};
use kernel::{ApplicationId, EventId, StravaActivityId, StravaAthleteId, Timestamp};
use outbox::{StoreError, again_if_contended};

use super::journal::Line;
use super::{Core, job};
use crate::domain::observation::Key;
use crate::store;

/// Strava's clocks and ours, and its caches, may differ by this much.
const SLACK: Duration = Duration::from_secs(5);

/// What became of a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// A job is wanted.
    Wanted,
    /// What is stored was answered after it.
    OldNews,
    /// Nobody we know: the backfill at connect finds what there was.
    UnknownOwner,
    /// Not about an activity: token's business.
    NotOurs,
}

/// Wants a look at what the hint is about.
pub(crate) async fn note_hint(core: &Core, id: EventId, hint: &Hint) -> Result<Noted, StoreError> {
    if hint.object_type() != ObjectType::Activity {
        return Ok(Noted::NotOurs);
    }
    let noted = again_if_contended(|| once(core, id, hint)).await?;
    metrics::counter!("ingest_hints_total", "noted" => noted.as_str()).increment(1);
    if noted == Noted::UnknownOwner {
        tracing::debug!(
            application = hint.application,
            strava.athlete = hint.owner,
            strava.activity = hint.object_id,
            "a hint about nobody we know is dropped"
        );
    }
    Ok(noted)
}

async fn once(core: &Core, id: EventId, hint: &Hint) -> Result<Noted, StoreError> {
    let application = ApplicationId::new(hint.application);
    let owner = StravaAthleteId::new(hint.owner);
    let Some(owner) =
        store::connections::owner(core.database.readers(), application, owner).await?
    else {
        return Ok(Noted::UnknownOwner);
    };
    let effect = core.database.effect(owner.athlete).await?;
    if effect.is_fenced(&[owner.origin()]) {
        return Ok(Noted::UnknownOwner);
    }
    let key =
        Key { athlete: owner.athlete, application, strava: StravaActivityId::new(hint.object_id) };
    let mut change = core.load(&effect, key).await?;
    let happened = Timestamp::from_secs(hint.event_time_s);
    if change.observation.answered_at().is_some_and(|answered| answered > happened.plus(SLACK)) {
        return Ok(Noted::OldNews);
    }
    change.observation.attention.hint(true, hint.aspect() == Aspect::Delete);
    store::observations::save(effect.conn(), &change.observation, change.known).await?;
    core.queue.want(effect.conn(), &job::look_at(key, true, core.now())).await?;
    let line = Line {
        activity: change.observation.activity,
        step: "hinted",
        state: "waiting",
        ..Line::default()
    };
    let mut entry = core.entry(key, line);
    entry.id = id;
    store::journal::keep(effect.conn(), &entry).await?;
    effect.commit().await?;
    core.gap("ingest.hint-noted");
    Ok(Noted::Wanted)
}

impl Noted {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::OldNews => "old-news",
            Self::UnknownOwner => "unknown-owner",
            Self::NotOurs => "not-ours",
        }
    }
}
