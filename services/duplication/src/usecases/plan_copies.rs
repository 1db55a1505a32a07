//! A new revision of an activity: its copies are planned, changed or stopped.

use contracts::Origin;
use kernel::{ActivityId, AthleteId, StravaActivityId};
use outbox::{Effect, StoreError, again_if_contended};

use super::{ServiceContext, copy_records};
use crate::domain::candidate::{CopyCandidate, CopyDecision};
use crate::domain::copy::{Copy, CopySource, CopyState};
use crate::domain::link::Link;
use crate::domain::reason;
use crate::store::{activity_revisions, copies, links};

/// A revision of a guardian's activity.
#[derive(Clone, Debug)]
pub(crate) struct ActivityRevision {
    pub(crate) athlete: AthleteId,
    pub(crate) activity: ActivityId,
    pub(crate) revision: i64,
    pub(crate) origins: Vec<Origin>,
    /// True if it was seen live or by the sweep; only such a revision begins a copy.
    pub(crate) is_live: bool,
    /// True if it answers a replay; a copy made before the service lost its rows may exist.
    pub(crate) is_replay: bool,
    pub(crate) traceparent: String,
    pub(crate) strava_activity: Option<StravaActivityId>,
    /// `None` if the activity was removed.
    pub(crate) candidate: Option<CopyCandidate>,
}

/// Applies a revision to the copies of the activity, unless a newer revision is known.
pub(crate) async fn plan_copies(
    ctx: &ServiceContext,
    revision: &ActivityRevision,
) -> Result<(), StoreError> {
    if !is_relevant(ctx, revision).await? {
        return Ok(());
    }
    again_if_contended(|| async {
        let mut tx = ctx.database.effect(revision.athlete).await?;
        if tx.is_fenced(&revision.origins)
            || !activity_revisions::advance(
                tx.conn(),
                revision.athlete,
                revision.activity,
                revision.revision,
            )
            .await?
        {
            return Ok(());
        }
        match &revision.candidate {
            None => mark_source_removed(ctx, &mut tx, revision.activity).await?,
            Some(candidate) => apply_links(ctx, &mut tx, revision, candidate.clone()).await?,
        }
        tx.commit().await
    })
    .await
}

/// Returns false for most athletes, who are nobody's guardian: their events cost two reads. A link
/// accepted at this moment misses nothing, for it covers only what begins later.
async fn is_relevant(
    ctx: &ServiceContext,
    revision: &ActivityRevision,
) -> Result<bool, StoreError> {
    let conn = ctx.database.readers();
    Ok(!links::list_accepted(conn, revision.athlete).await?.is_empty()
        || !copies::list_by_activity(conn, revision.activity).await?.is_empty())
}

/// Stops the copies that were not sent. One that was sent is only marked, for Strava lets nobody
/// delete it but the child.
async fn mark_source_removed(
    ctx: &ServiceContext,
    tx: &mut Effect,
    activity: ActivityId,
) -> Result<(), StoreError> {
    for mut copy in copies::list_by_activity(tx.conn(), activity).await? {
        copy.source_removed_at = Some(ctx.clock.now());
        if copy.state == CopyState::Planned {
            copy.set_state(CopyState::Skipped, reason::SOURCE_REMOVED);
        }
        copy_records::update(ctx, tx, &mut copy).await?;
    }
    Ok(())
}

/// Asks every accepted link about the activity, and revises or begins its copy.
async fn apply_links(
    ctx: &ServiceContext,
    tx: &mut Effect,
    revision: &ActivityRevision,
    mut candidate: CopyCandidate,
) -> Result<(), StoreError> {
    if let Some(activity) = revision.strava_activity {
        candidate.is_own_copy = copies::has_made(tx.conn(), revision.athlete, activity).await?;
    }
    let mut copies = copies::list_by_activity(tx.conn(), revision.activity).await?;
    for link in links::list_accepted(tx.conn(), revision.athlete).await? {
        let decision = candidate.decide(&link, ctx.settings.private_activities);
        if let Some(index) = copies.iter().position(|copy| copy.link == link.id) {
            let copy = copies.swap_remove(index);
            revise_copy(ctx, tx, copy, &candidate.source, decision).await?;
        } else if revision.is_live && decision != CopyDecision::NotMatched {
            let copy = new_copy(ctx, revision, &link, candidate.source.clone());
            begin_copy(ctx, tx, copy, decision).await?;
        }
    }
    // Copies of links that ended are only marked as changed.
    for copy in copies {
        revise_copy(ctx, tx, copy, &candidate.source, CopyDecision::NotMatched).await?;
    }
    Ok(())
}

fn new_copy(
    ctx: &ServiceContext,
    revision: &ActivityRevision,
    link: &Link,
    source: CopySource,
) -> Copy {
    let now = ctx.clock.now();
    Copy {
        id: ctx.new_copy_id(),
        link: link.id,
        activity: revision.activity,
        guardian: link.guardian,
        child: link.child,
        state: CopyState::Planned,
        reason: reason::NONE.to_owned(),
        detail: String::new(),
        revision: 0,
        source,
        target: None,
        upload: None,
        strava_activity: None,
        must_look: revision.is_replay,
        looks: 0,
        sends: 0,
        sent_at: None,
        source_changed_at: None,
        source_removed_at: None,
        traceparent: revision.traceparent.clone(),
        created_at: now,
        updated_at: now,
    }
}

async fn begin_copy(
    ctx: &ServiceContext,
    tx: &mut Effect,
    mut copy: Copy,
    decision: CopyDecision,
) -> Result<(), StoreError> {
    apply_decision(&mut copy, decision);
    copy_records::insert(ctx, tx, &mut copy).await?;
    if decision == CopyDecision::Copy {
        copy_records::enqueue_job(ctx, tx, &copy).await?;
    }
    Ok(())
}

async fn revise_copy(
    ctx: &ServiceContext,
    tx: &mut Effect,
    mut copy: Copy,
    source: &CopySource,
    decision: CopyDecision,
) -> Result<(), StoreError> {
    copy.source_removed_at = None;
    copy.source_changed_at = Some(ctx.clock.now());
    if !copy.state.is_unsent() {
        return copy_records::update(ctx, tx, &mut copy).await;
    }
    // A title that does not match is not the child's to read: it is not even stored.
    if decision != CopyDecision::NotMatched {
        copy.source = source.clone();
        copy.source_changed_at = None;
    }
    apply_decision(&mut copy, decision);
    copy_records::update(ctx, tx, &mut copy).await?;
    if decision == CopyDecision::Copy {
        copy_records::enqueue_job(ctx, tx, &copy).await?;
    }
    Ok(())
}

fn apply_decision(copy: &mut Copy, decision: CopyDecision) {
    match decision {
        CopyDecision::Copy => copy.set_state(CopyState::Planned, reason::NONE),
        CopyDecision::Wait(reason) => copy.set_state(CopyState::Planned, reason),
        CopyDecision::Skip(reason) => copy.set_state(CopyState::Skipped, reason),
        CopyDecision::NotMatched if copy.state == CopyState::Planned => {
            copy.set_state(CopyState::Skipped, reason::NO_LONGER_MATCHES);
        }
        CopyDecision::NotMatched => {}
    }
}
