//! Requests erasures, takes the answers of the services, and asks again until all have answered.

use contracts::athletes::{self, AthleteChanged, athlete_changed::Change};
use contracts::erasures::Erased;
use contracts::{Cause, Erasure, Topic};
use kernel::{AthleteId, Revision, Timestamp};
use outbox::{AthleteTx, OutboxMessage, StoreError};

use super::ServiceContext;
use crate::domain::erasure::{
    ASK_INTERVAL, ErasureAnswer, ErasureReason, RequestedErasure, is_complete,
};
use crate::store::{connections, erasures};

/// Raises the fence, publishes the erase, and stores that it is waited for.
pub(crate) async fn request_erasure(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    erasure: Erasure,
    reason: ErasureReason,
) -> Result<RequestedErasure, StoreError> {
    tx.raise_fence(erasure).await?;
    let requested = RequestedErasure {
        athlete: tx.athlete(),
        erasure,
        reason,
        requested_at: ctx.now(),
        completed_at: None,
    };
    let revision = tx.draw_revision();
    tx.publish(erase_message(tx.athlete(), erasure, revision)).await?;
    erasures::insert(tx.conn(), &requested, ctx.now().plus(ASK_INTERVAL)).await?;
    Ok(requested)
}

/// Records the answer of a service.
pub(crate) async fn record_answer(
    ctx: &ServiceContext,
    athlete: AthleteId,
    erased: &Erased,
) -> Result<(), StoreError> {
    let answered = Erasure::from_scope(erased.application, erased.through_generation);
    let answer = &ErasureAnswer {
        service: erased.service.clone(),
        erased_at: Timestamp::from_micros(erased.erased_at_us),
        is_final: erased.r#final,
        rows: erased.rows,
        objects: erased.objects,
    };
    let record = |tx: AthleteTx| async move {
        for requested in erasures::list_by_athlete(tx.conn(), athlete).await? {
            let is_open = requested.completed_at.is_none();
            if requested.erasure == answered || (answered == Erasure::Everything && is_open) {
                apply_answer(ctx, &tx, requested, answer.clone()).await?;
            }
        }
        Ok::<_, StoreError>(())
    };
    ctx.database.run("record_erasure_answer", athlete, record).await
}

async fn apply_answer(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    mut requested: RequestedErasure,
    answer: ErasureAnswer,
) -> Result<(), StoreError> {
    let mut answers = erasures::list_answers(tx.conn(), &requested).await?;
    let former = answers.iter().position(|former| former.service == answer.service);
    let answer = match former {
        Some(former) => answers.remove(former).merge(answer),
        None => answer,
    };
    erasures::save_answer(tx.conn(), &requested, &answer).await?;
    answers.push(answer);
    if requested.completed_at.is_none() && is_complete(&ctx.settings.erasure_services, &answers) {
        requested.completed_at = Some(ctx.now());
        erasures::update(tx.conn(), &requested, ctx.now()).await?;
        let (application, _) = requested.scope();
        let reason = requested.reason.code();
        tracing::info!(athlete = %requested.athlete, application, reason, "an erasure is complete");
    }
    Ok(())
}

/// Answers for this service itself, as soon as no revoke needs the tokens any more: deletes the connections, leases and
/// states of an athlete who is gone.
pub(crate) async fn answer_own(ctx: &ServiceContext, tx: &AthleteTx) -> Result<(), StoreError> {
    let held = connections::list_locked(tx.conn(), tx.athlete()).await?;
    for requested in erasures::list_by_athlete(tx.conn(), tx.athlete()).await? {
        if requested.completed_at.is_some() {
            continue;
        }
        let is_waiting = held.iter().any(|connection| {
            connection.revoke_pending && requested.erasure.includes(connection.erasure())
        });
        if is_waiting {
            continue;
        }
        let rows = match requested.erasure {
            Erasure::Everything => connections::delete_athlete(tx.conn(), tx.athlete()).await?,
            Erasure::Connection { .. } => 0,
        };
        let answer = ErasureAnswer {
            service: crate::settings::NAME.to_owned(),
            erased_at: ctx.now(),
            is_final: true,
            rows: rows.try_into().unwrap_or(i64::MAX),
            objects: 0,
        };
        apply_answer(ctx, tx, requested, answer).await?;
    }
    Ok(())
}

/// Asks again for every erasure that is due; returns the number of erasures that are not complete.
pub(crate) async fn repeat_erasures(ctx: &ServiceContext) -> Result<i64, StoreError> {
    for requested in erasures::list_due(ctx.database.readers(), ctx.now()).await? {
        let (athlete, erasure) = (requested.athlete, requested.erasure);
        tracing::warn!(%athlete, "an erasure is asked for again: not every service has answered");
        let requested = &requested;
        let repeat = |tx: AthleteTx| async move {
            let revision = tx.draw_revision();
            tx.publish(erase_message(athlete, erasure, revision)).await?;
            erasures::update(tx.conn(), requested, ctx.now().plus(ASK_INTERVAL)).await?;
            answer_own(ctx, &tx).await
        };
        ctx.database.run("repeat_erasure", athlete, repeat).await?;
    }
    erasures::count_open(ctx.database.readers()).await
}

/// The event that asks every service to erase.
pub(super) fn erase_message(
    athlete: AthleteId,
    erasure: Erasure,
    revision: Revision,
) -> OutboxMessage<AthleteChanged> {
    let change = match erasure {
        Erasure::Connection { application, through } => {
            let (application, through_generation) = (application.get(), through.get());
            Change::Erase(athletes::Erase { application, through_generation })
        }
        Erasure::Everything => Change::Gone(athletes::Gone {}),
    };
    OutboxMessage {
        topic: Topic::Athletes,
        athlete: Some(athlete),
        origins: Vec::new(),
        cause: Cause::Live,
        replay: false,
        body: AthleteChanged { revision: revision.get(), change: Some(change) },
    }
}
