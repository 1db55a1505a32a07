//! What an athlete withdrew goes: the fence first, then the rows, and a word that it is done.

use contracts::erasures::Erased;
use contracts::{Cause, Erasure, Origin, Topic};
use kernel::{ApplicationId, AthleteId, Generation};
use outbox::{Effect, OutboxMessage, StoreError, again_if_contended};

use super::Kit;
use crate::domain::copy::{Copy, State, reason};
use crate::store::{connections, copies, links};

pub(crate) async fn erase(
    kit: &Kit,
    athlete: AthleteId,
    erasure: Erasure,
) -> Result<(), StoreError> {
    again_if_contended(|| async {
        let mut effect = kit.database.effect(athlete).await?;
        effect.raise_fence(erasure).await?;
        let mut rows = match erasure {
            Erasure::Connection { application, through } => {
                connection(kit, &mut effect, application, through).await?
            }
            Erasure::Everything => everything(kit, &effect).await?,
        };
        rows += effect.forget_fenced().await?;
        effect.bump_version();
        effect.publish(receipt(kit, athlete, erasure, rows)).await?;
        effect.commit().await
    })
    .await
}

/// The guardian's lines lose what they held of the source; the child's lose what they held of the
/// account. That there was a copy stays known, or it would be made again.
async fn connection(
    kit: &Kit,
    effect: &mut Effect,
    application: ApplicationId,
    through: Generation,
) -> Result<u64, StoreError> {
    let athlete = effect.athlete();
    let withdrawn = Origin { application, generation: through };
    let mut rows =
        connections::forget(effect.conn(), athlete, Some((application, through))).await?;
    for mut copy in copies::of_guardian(effect.conn(), athlete).await? {
        if copy.source.origins.iter().any(|origin| is_withdrawn(*origin, withdrawn)) {
            forget_source(&mut copy);
            copies::update(effect.conn(), &copy).await?;
            rows += 1;
        }
    }
    for mut copy in copies::of_child(effect.conn(), athlete).await? {
        let target = copy.target.map(|target| Origin {
            application: target.application,
            generation: target.generation,
        });
        if target.is_some_and(|target| is_withdrawn(target, withdrawn)) {
            forget_target(&mut copy);
            copy.updated_at = kit.clock.now();
            copies::update(effect.conn(), &copy).await?;
            rows += 1;
        }
    }
    Ok(rows)
}

fn is_withdrawn(origin: Origin, withdrawn: Origin) -> bool {
    origin.application == withdrawn.application && origin.generation <= withdrawn.generation
}

fn forget_source(copy: &mut Copy) {
    copy.source.name.clear();
    copy.source.sport.clear();
    copy.source.streams_key.clear();
    copy.source.distance_dm = 0;
    copy.source.origins.clear();
    copy.detail.clear();
    if copy.state == State::Planned {
        copy.stand(State::Skipped, reason::SOURCE_WITHDRAWN);
    }
}

fn forget_target(copy: &mut Copy) {
    copy.target = None;
    copy.upload = None;
    copy.strava_activity = None;
    copy.detail.clear();
    if !copy.state.is_over() {
        copy.stand(State::Failed, reason::NOT_CONNECTED);
    }
}

async fn everything(kit: &Kit, effect: &Effect) -> Result<u64, StoreError> {
    let athlete = effect.athlete();
    let mut rows = connections::forget(effect.conn(), athlete, None).await?;
    rows += copies::forget(effect.conn(), athlete).await?;
    rows += links::forget(effect.conn(), athlete).await?;
    rows += kit.queue.forget(effect.conn(), athlete).await?;
    Ok(rows)
}

fn receipt(kit: &Kit, athlete: AthleteId, erasure: Erasure, rows: u64) -> OutboxMessage<Erased> {
    let (application, through) = match erasure {
        Erasure::Connection { application, through } => (application.get(), through.get()),
        Erasure::Everything => (0, 0),
    };
    let body = Erased {
        service: crate::Service::NAME.to_owned(),
        application,
        through_generation: through,
        erased_at_us: kit.clock.now().as_micros(),
        rows: i64::try_from(rows).unwrap_or(i64::MAX),
        objects: 0,
    };
    OutboxMessage {
        topic: Topic::Erasures,
        athlete: Some(athlete),
        origins: Vec::new(),
        cause: Cause::Unspecified,
        replay: false,
        body,
    }
}
