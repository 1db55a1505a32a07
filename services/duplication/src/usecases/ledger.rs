//! Every change of the ledger is told: to whoever follows copies, and to the journal.

use contracts::copies::{CopyChanged, CopyState};
use contracts::journal::JournalEntry;
use contracts::{Cause, Event, Topic};
use jobs::{Claimed, Closed, Wanted, priority};
use kernel::{AthleteId, Timestamp};
use outbox::{Effect, OutboxMessage, StoreError, again_if_contended};

use super::Kit;
use crate::domain::copy::{Copy, State};
use crate::store::copies;

/// What the jobs of this service are called.
pub(crate) const JOB: &str = "copy";

/// Writes a new line and tells of it.
pub(crate) async fn open(
    kit: &Kit,
    effect: &mut Effect,
    copy: &mut Copy,
) -> Result<(), StoreError> {
    copy.revision = effect.next().await?;
    copy.updated_at = kit.clock.now();
    copies::insert(effect.conn(), copy).await?;
    tell(effect, copy).await
}

/// Writes a line again and tells of it.
pub(crate) async fn record(
    kit: &Kit,
    effect: &mut Effect,
    copy: &mut Copy,
) -> Result<(), StoreError> {
    copy.revision = effect.next().await?;
    copy.updated_at = kit.clock.now();
    copies::update(effect.conn(), copy).await?;
    tell(effect, copy).await
}

/// Wants the copy's job to run now.
pub(crate) async fn want(kit: &Kit, effect: &Effect, copy: &Copy) -> Result<(), StoreError> {
    let wanted = wanted(copy.id.to_string(), Some(copy.child), kit.clock.now());
    kit.queue.want(effect.conn(), &wanted).await
}

/// Closes the job until somebody wants it again, or until then; what was wanted meanwhile is due now.
pub(crate) async fn hold(kit: &Kit, job: &Claimed, until: Timestamp) -> Result<(), StoreError> {
    again_if_contended(|| async {
        let plain = kit.database.plain().await?;
        if kit.queue.done(plain.conn(), job).await? == Closed::Closed {
            kit.queue.want(plain.conn(), &wanted(job.subject.clone(), job.athlete, until)).await?;
        }
        plain.commit().await
    })
    .await
}

fn wanted(subject: String, athlete: Option<AthleteId>, due: Timestamp) -> Wanted {
    Wanted {
        kind: JOB,
        subject,
        athlete,
        priority: priority::COPY,
        due,
        payload: serde_json::Value::Null,
        not_if_answered_after: None,
    }
}

async fn tell(effect: &mut Effect, copy: &Copy) -> Result<(), StoreError> {
    effect.bump_version();
    metrics::counter!("duplication_copies_total", "state" => copy.state.word()).increment(1);
    let changed = CopyChanged {
        copy: copy.id.to_string(),
        link: copy.link.to_string(),
        activity: copy.activity.to_string(),
        child: copy.child.to_string(),
        strava_activity: copy.strava_activity.map_or(0, |activity| activity.get()),
        state: wire_state(copy.state).into(),
        reason: copy.reason.clone(),
        revision: copy.revision,
    };
    effect.publish(draft(Topic::Copies, copy, changed)).await?;
    let entry = JournalEntry {
        service: crate::Service::NAME.to_owned(),
        activity: copy.activity.to_string(),
        application: copy.source.origins.first().map_or(0, |origin| origin.application.get()),
        strava_activity: 0,
        step: "copied".to_owned(),
        state: journal_state(copy.state).to_owned(),
        reason: copy.reason.clone(),
        attempts: copy.sends,
        next_try_us: 0,
    };
    effect.publish(draft(Topic::Journal, copy, entry)).await?;
    Ok(())
}

fn draft<E: Event>(topic: Topic, copy: &Copy, body: E) -> OutboxMessage<E> {
    OutboxMessage {
        topic,
        athlete: Some(copy.guardian),
        origins: copy.source.origins.clone(),
        cause: Cause::Live,
        replay: false,
        body,
    }
}

fn wire_state(state: State) -> CopyState {
    match state {
        State::Planned => CopyState::Planned,
        State::Sending => CopyState::Sending,
        State::Processing => CopyState::Processing,
        State::Done => CopyState::Done,
        State::Failed => CopyState::Failed,
        State::Skipped => CopyState::Skipped,
    }
}

const fn journal_state(state: State) -> &'static str {
    match state {
        State::Planned | State::Sending | State::Processing => "waiting",
        State::Done => "done",
        State::Failed => "failed",
        State::Skipped => "dropped",
    }
}
