//! An activity changed: which links mean it, and what becomes of its copies.

use contracts::Origin;
use kernel::{ActivityId, AthleteId, StravaActivityId};
use outbox::{Effect, StoreError, again_if_contended};

use super::{Kit, ledger};
use crate::domain::copy::{Copy, Source, State, reason};
use crate::domain::link::Link;
use crate::domain::rule::{Sighting, Verdict};
use crate::store::{copies, links, seen};

/// A revision of an activity.
#[derive(Clone, Debug)]
pub(crate) struct PlanCopies {
    pub(crate) athlete: AthleteId,
    pub(crate) activity: ActivityId,
    pub(crate) revision: i64,
    pub(crate) origins: Vec<Origin>,
    /// Whether it was seen live or by the sweep: only that begins a copy.
    pub(crate) fresh: bool,
    /// Whether it answers a replay: then an earlier life of the ledger may have sent it.
    pub(crate) replay: bool,
    pub(crate) traceparent: String,
    pub(crate) strava_activity: Option<StravaActivityId>,
    /// None when it was removed.
    pub(crate) facts: Option<(Sighting, Source)>,
}

pub(crate) async fn plan_copies(kit: &Kit, change: &PlanCopies) -> Result<(), StoreError> {
    if !concerns_anybody(kit, change).await? {
        return Ok(());
    }
    again_if_contended(|| async {
        let mut effect = kit.database.effect(change.athlete).await?;
        if effect.is_fenced(&change.origins)
            || !seen::is_newer(effect.conn(), change.athlete, change.activity, change.revision)
                .await?
        {
            return Ok(());
        }
        let lines = copies::of_activity(effect.conn(), change.activity).await?;
        match &change.facts {
            None => withdraw(kit, &mut effect, lines).await?,
            Some((sighting, source)) => {
                judge(kit, &mut effect, change, (sighting, source), lines).await?;
            }
        }
        effect.commit().await
    })
    .await
}

/// Most athletes are nobody's guardian: their events cost two reads. A link that is accepted in
/// this moment misses nothing, for it covers only what begins later.
async fn concerns_anybody(kit: &Kit, change: &PlanCopies) -> Result<bool, StoreError> {
    let conn = kit.database.readers();
    Ok(!links::accepted_of(conn, change.athlete).await?.is_empty()
        || !copies::of_activity(conn, change.activity).await?.is_empty())
}

/// The source is gone: what was not sent stays here; what was sent is only noted, for Strava lets
/// nobody delete it but the child.
async fn withdraw(kit: &Kit, effect: &mut Effect, lines: Vec<Copy>) -> Result<(), StoreError> {
    for mut copy in lines {
        copy.source_removed_at = Some(kit.clock.now());
        if copy.state == State::Planned {
            copy.stand(State::Skipped, reason::SOURCE_REMOVED);
        }
        ledger::record(kit, effect, &mut copy).await?;
    }
    Ok(())
}

async fn judge(
    kit: &Kit,
    effect: &mut Effect,
    change: &PlanCopies,
    (sighting, source): (&Sighting, &Source),
    mut lines: Vec<Copy>,
) -> Result<(), StoreError> {
    let mut sighting = sighting.clone();
    if let Some(activity) = change.strava_activity {
        sighting.is_known_copy = copies::made(effect.conn(), change.athlete, activity).await?;
    }
    for link in links::accepted_of(effect.conn(), change.athlete).await? {
        let verdict = sighting.under(&link, kit.settings.private_activities);
        let line =
            lines.iter().position(|copy| copy.link == link.id).map(|at| lines.swap_remove(at));
        match line {
            Some(copy) => revise(kit, effect, copy, source, verdict).await?,
            None if change.fresh => begin(kit, effect, (change, source), &link, verdict).await?,
            None => {}
        }
    }
    // Lines of links that ended: their source changed, which is only noted.
    for copy in lines {
        revise(kit, effect, copy, source, Verdict::NotMeant).await?;
    }
    Ok(())
}

async fn begin(
    kit: &Kit,
    effect: &mut Effect,
    (change, source): (&PlanCopies, &Source),
    link: &Link,
    verdict: Verdict,
) -> Result<(), StoreError> {
    let Some((state, reason)) = standing(verdict) else { return Ok(()) };
    let now = kit.clock.now();
    let mut copy = Copy {
        id: kit.new_copy_id(),
        link: link.id,
        activity: change.activity,
        guardian: link.guardian,
        child: link.child,
        state,
        reason: reason.to_owned(),
        detail: String::new(),
        revision: 0,
        source: source.clone(),
        target: None,
        upload: None,
        strava_activity: None,
        must_look: change.replay,
        looks: 0,
        sends: 0,
        sent_at: None,
        source_changed_at: None,
        source_removed_at: None,
        traceparent: change.traceparent.clone(),
        created_at: now,
        updated_at: now,
    };
    ledger::open(kit, effect, &mut copy).await?;
    if verdict == Verdict::Copy {
        ledger::want(kit, effect, &copy).await?;
    }
    Ok(())
}

async fn revise(
    kit: &Kit,
    effect: &mut Effect,
    mut copy: Copy,
    source: &Source,
    verdict: Verdict,
) -> Result<(), StoreError> {
    if !copy.state.is_unsent() {
        copy.source_changed_at = Some(kit.clock.now());
        copy.source_removed_at = None;
        return ledger::record(kit, effect, &mut copy).await;
    }
    if verdict == Verdict::NotMeant {
        // A title that does not name the child is none of this link's business.
        copy.source_changed_at = Some(kit.clock.now());
    } else {
        copy.source = source.clone();
        copy.source_changed_at = None;
    }
    copy.source_removed_at = None;
    match standing(verdict) {
        Some((state, reason)) => copy.stand(state, reason),
        None if copy.state == State::Planned => copy.stand(State::Skipped, reason::NOT_MEANT),
        None => {}
    }
    ledger::record(kit, effect, &mut copy).await?;
    if verdict == Verdict::Copy {
        ledger::want(kit, effect, &copy).await?;
    }
    Ok(())
}

/// How a line begins under a verdict; none is begun for what is not meant.
const fn standing(verdict: Verdict) -> Option<(State, &'static str)> {
    match verdict {
        Verdict::NotMeant => None,
        Verdict::Skip(reason) => Some((State::Skipped, reason)),
        Verdict::Wait(reason) => Some((State::Planned, reason)),
        Verdict::Copy => Some((State::Planned, reason::NONE)),
    }
}
