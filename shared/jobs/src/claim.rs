//! Claiming: the most urgent job that is due, fair between athletes, held by a lease with a fencing epoch.

use std::time::Duration;

use kernel::{AthleteId, JobId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{QueryResult, Value};

use crate::queue::Queue;
use crate::view;

/// How often a claim is tried before it waits for the next ring: each failure means another worker won.
const TRIES: usize = 8;
/// How many athletes with due jobs are weighed against each other.
const ATHLETES: i64 = 500;
/// How many athletes' turns are remembered.
const TURNS: usize = 10_000;

/// A job that this worker holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// Its id.
    pub id: JobId,
    /// What is to be done.
    pub kind: String,
    /// To what.
    pub subject: String,
    /// Whose it is.
    pub athlete: Option<AthleteId>,
    /// How urgent.
    pub priority: i32,
    /// The fencing epoch: whoever claims it next has a higher one, and this claim is void.
    pub epoch: i64,
    /// `wanted` at the claim.
    pub wanted: i64,
    /// The how-manieth attempt this is, from 1.
    pub attempts: i64,
    /// What the worker is told.
    pub payload: serde_json::Value,
    /// Since when it was due.
    pub due: Timestamp,
    /// When it was claimed: any answer asked for from now on is newer.
    pub claimed_at: Timestamp,
}

impl Queue {
    /// Claims the most urgent job of these kinds that is due. Among equally urgent ones the athlete
    /// whose last turn is longest ago comes first, and an athlete with a running job of a kind waits.
    pub async fn claim(
        &self,
        kinds: &[&str],
        lease: Duration,
    ) -> Result<Option<Claimed>, StoreError> {
        if kinds.is_empty() {
            return Ok(None);
        }
        // One pick at a time in this process, so that two workers do not both start on one athlete.
        let mut turns = self.turns.lock().await;
        for _ in 0..TRIES {
            let now = self.clock.now();
            let Some(athlete) = self.next_athlete(kinds, now, &turns).await? else {
                return Ok(None);
            };
            let Some(row) = self.candidate(kinds, now, athlete.as_deref()).await? else {
                continue;
            };
            let mut claimed = read(&row, now)?;
            let won = sql::execute(
                self.database.writer(),
                "UPDATE job SET epoch = epoch + 1, attempts = attempts + 1, lease_until_us = ? \
                 WHERE id = ? AND epoch = ? AND wanted = ? AND state = 0 AND lease_until_us < ?",
                [
                    now.plus(lease).as_micros().into(),
                    claimed.id.to_string().into(),
                    claimed.epoch.into(),
                    claimed.wanted.into(),
                    now.as_micros().into(),
                ],
            )
            .await?;
            if won > 0 {
                claimed.epoch += 1;
                claimed.attempts += 1;
                if turns.len() >= TURNS {
                    turns.clear();
                }
                turns.insert(athlete.unwrap_or_default(), now.as_micros());
                return Ok(Some(claimed));
            }
        }
        Ok(None)
    }

    /// When the next job becomes due or its lease runs out, if none can be claimed before.
    pub(crate) async fn next_instant(
        &self,
        kinds: &[&str],
    ) -> Result<Option<Timestamp>, StoreError> {
        let now: Value = self.clock.now().as_micros().into();
        let select = format!(
            "SELECT MIN(CASE WHEN lease_until_us > due_us THEN lease_until_us ELSE due_us END) AS at FROM job \
             WHERE state = 0 AND kind IN ({}) AND (due_us > ? OR lease_until_us > ?)",
            sql::placeholders(kinds.len())
        );
        let values: Vec<Value> =
            kinds.iter().map(|kind| (*kind).into()).chain([now.clone(), now]).collect();
        let row = sql::one(self.database.readers(), &select, values).await?;
        let at: Option<i64> = row.map(|row| row.try_get("", "at")).transpose()?.flatten();
        Ok(at.map(Timestamp::from_micros))
    }

    /// Whose turn it is: `Some(None)` stands for jobs that are nobody's.
    async fn next_athlete(
        &self,
        kinds: &[&str],
        now: Timestamp,
        turns: &std::collections::HashMap<String, i64>,
    ) -> Result<Option<Option<String>>, StoreError> {
        let select = format!(
            "SELECT athlete, MIN(priority) AS urgency, MIN(due_us) AS since FROM job WHERE {} \
             GROUP BY athlete ORDER BY urgency, since LIMIT ?",
            claimable(kinds)
        );
        let mut values = claimable_values(kinds, now);
        values.push(ATHLETES.into());
        let rows = sql::all(self.database.readers(), &select, values).await?;
        let mut best: Option<((i32, i64, i64), Option<String>)> = None;
        for row in &rows {
            let athlete: Option<String> = row.try_get("", "athlete")?;
            let turn = turns.get(athlete.as_deref().unwrap_or_default()).copied().unwrap_or(0);
            let rank = (row.try_get("", "urgency")?, turn, row.try_get("", "since")?);
            if best.as_ref().is_none_or(|(other, _)| rank < *other) {
                best = Some((rank, athlete));
            }
        }
        Ok(best.map(|(_, athlete)| athlete))
    }

    async fn candidate(
        &self,
        kinds: &[&str],
        now: Timestamp,
        athlete: Option<&str>,
    ) -> Result<Option<QueryResult>, StoreError> {
        let whose = if athlete.is_some() { "athlete = ?" } else { "athlete IS NULL" };
        let select = format!(
            "SELECT * FROM job WHERE {} AND {whose} ORDER BY priority, due_us, id LIMIT 1",
            claimable(kinds)
        );
        let mut values = claimable_values(kinds, now);
        values.extend(athlete.map(Value::from));
        sql::one(self.database.readers(), &select, values).await
    }
}

fn claimable(kinds: &[&str]) -> String {
    format!(
        "state = 0 AND kind IN ({}) AND due_us <= ? AND lease_until_us < ? AND NOT EXISTS (SELECT 1 FROM job other \
         WHERE other.athlete = job.athlete AND other.kind = job.kind AND other.state = 0 AND other.lease_until_us >= ?)",
        sql::placeholders(kinds.len())
    )
}

fn claimable_values(kinds: &[&str], now: Timestamp) -> Vec<Value> {
    let now: Value = now.as_micros().into();
    kinds.iter().map(|kind| (*kind).into()).chain([now.clone(), now.clone(), now]).collect()
}

fn read(row: &QueryResult, now: Timestamp) -> Result<Claimed, StoreError> {
    Ok(Claimed {
        id: view::id(row)?,
        kind: row.try_get("", "kind")?,
        subject: row.try_get("", "subject")?,
        athlete: view::athlete(row)?,
        priority: row.try_get("", "priority")?,
        epoch: row.try_get("", "epoch")?,
        wanted: row.try_get("", "wanted")?,
        attempts: row.try_get("", "attempts")?,
        payload: view::payload(row)?,
        due: Timestamp::from_micros(row.try_get("", "due_us")?),
        claimed_at: now,
    })
}
