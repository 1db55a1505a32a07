//! A new revision of an activity: its copies are planned, changed or stopped.

use kernel::{ActivityId, AthleteId, CopyId};
use outbox::{AthleteTx, StoreError};

use super::{ServiceContext, copy_records};
use crate::domain::candidate::{ActivityRevision, CopyCandidate, CopyDecision};
use crate::domain::copy::{Copy, CopySource, CopyState};
use crate::domain::link::Link;
use crate::domain::reason;
use crate::store::{activity_revisions, copies, links};

/// Applies a revision to the copies of the activity, unless a newer revision is known.
pub(crate) async fn plan_copies(
    ctx: &ServiceContext,
    revision: &ActivityRevision,
) -> Result<(), StoreError> {
    let mut athletes = list_children(ctx, revision).await?;
    if athletes.is_empty() {
        return Ok(());
    }
    athletes.push(revision.athlete);
    ctx.database
        .run_many("plan_copies", &athletes, |tx| async move {
            let tx = tx.athlete(revision.athlete)?;
            if tx.is_fenced(&revision.origins)
                || !activity_revisions::advance(tx.conn(), revision).await?
            {
                return tx.unchanged(Ok(()));
            }
            match &revision.candidate {
                Some(_) if revision.is_expired => expire_copies(ctx, &tx, revision.activity).await,
                None => mark_source_removed(ctx, &tx, revision.activity).await,
                Some(candidate) => apply_links(ctx, &tx, revision, candidate.clone()).await,
            }
        })
        .await
}

/// Returns the children who have, or may get, a copy of the activity. Most athletes are nobody's
/// guardian: their events cost two reads. A link accepted at this moment misses nothing, for it covers
/// only what begins later.
async fn list_children(
    ctx: &ServiceContext,
    revision: &ActivityRevision,
) -> Result<Vec<AthleteId>, StoreError> {
    let conn = ctx.database.readers();
    let links = links::list_accepted(conn, revision.athlete).await?;
    let copies = copies::list_by_activity(conn, revision.activity).await?;
    let of_links = links.iter().map(|link| link.child);
    Ok(of_links.chain(copies.iter().map(|copy| copy.child)).collect())
}

/// Stops the copies that were not sent. One that was sent is only marked, for Strava lets nobody
/// delete it but the child.
async fn mark_source_removed(
    ctx: &ServiceContext,
    tx: &AthleteTx,
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

/// Clears the source of the copies: what is not stored any more is not kept here either.
async fn expire_copies(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    activity: ActivityId,
) -> Result<(), StoreError> {
    for mut copy in copies::list_by_activity(tx.conn(), activity).await? {
        copy.clear_source();
        copy_records::update(ctx, tx, &mut copy).await?;
    }
    Ok(())
}

/// Asks every accepted link about the activity, and revises or begins its copy.
async fn apply_links(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    revision: &ActivityRevision,
    mut candidate: CopyCandidate,
) -> Result<(), StoreError> {
    let ids = &revision.strava_activities;
    candidate.is_own_copy = copies::is_own_copy(tx.conn(), revision.athlete, ids).await?;
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
        id: CopyId::from_uuid(ctx.ids.uuid_v7(now)),
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
        made: None,
        must_search: revision.is_replay,
        searches: 0,
        uploads: 0,
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
    tx: &AthleteTx,
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
    tx: &AthleteTx,
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
