//! Claims: the most urgent due job, fair between athletes, held by a lease with a fencing epoch.

use std::collections::HashMap;
use std::time::Duration;

use kernel::Timestamp;
use outbox::{StoreError, sql};
use sea_orm::{FromQueryResult, Value};

use crate::job::ClaimedJob;
use crate::queue::Queue;
use crate::row::JobRow;

/// Attempts of one claim; each failure means that another worker won.
const MAX_ATTEMPTS: usize = 8;
/// Athletes with due jobs that are compared with each other.
const MAX_ATHLETES: i64 = 500;
/// Athletes whose last claim is remembered.
const MAX_LAST_CLAIMS: usize = 10_000;

/// The next athlete to be served; `None` for jobs without an athlete.
struct NextAthlete(Option<String>);

#[derive(FromQueryResult)]
struct DueAthlete {
    athlete: Option<String>,
    urgency: i32,
    since: i64,
}

impl Queue {
    /// Claims the most urgent due job of these kinds. Among equally urgent ones the athlete whose last
    /// claim is longest ago comes first; an athlete with a running job of a kind waits.
    pub async fn claim(
        &self,
        kinds: &[&str],
        lease: Duration,
    ) -> Result<Option<ClaimedJob>, StoreError> {
        if kinds.is_empty() {
            return Ok(None);
        }
        // One pick at a time in this process, so that two workers do not both start on one athlete.
        let mut last_claims = self.last_claims.lock().await;
        for _ in 0..MAX_ATTEMPTS {
            let now = self.clock.now();
            let Some(athlete) = self.next_athlete(kinds, now, &last_claims).await? else {
                return Ok(None);
            };
            let Some(row) = self.find_candidate(kinds, now, &athlete).await? else {
                continue;
            };
            let mut claimed = row.into_claimed(now)?;
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
                if last_claims.len() >= MAX_LAST_CLAIMS {
                    last_claims.clear();
                }
                last_claims.insert(athlete.0.unwrap_or_default(), now.as_micros());
                return Ok(Some(claimed));
            }
        }
        Ok(None)
    }

    /// The instant at which the next job becomes due or its lease runs out.
    pub(crate) async fn next_instant(
        &self,
        kinds: &[&str],
    ) -> Result<Option<Timestamp>, StoreError> {
        let now: Value = self.clock.now().as_micros().into();
        let select = format!(
            "SELECT MIN(CASE WHEN lease_until_us > due_us THEN lease_until_us ELSE due_us END) FROM job \
             WHERE state = 0 AND kind IN ({}) AND (due_us > ? OR lease_until_us > ?)",
            sql::placeholders(kinds.len())
        );
        let values: Vec<Value> =
            kinds.iter().map(|kind| (*kind).into()).chain([now.clone(), now]).collect();
        let at: Option<Option<i64>> =
            sql::fetch_scalar(self.database.readers(), &select, values).await?;
        Ok(at.flatten().map(Timestamp::from_micros))
    }

    async fn next_athlete(
        &self,
        kinds: &[&str],
        now: Timestamp,
        last_claims: &HashMap<String, i64>,
    ) -> Result<Option<NextAthlete>, StoreError> {
        let select = format!(
            "SELECT athlete, MIN(priority) AS urgency, MIN(due_us) AS since FROM job WHERE {} \
             GROUP BY athlete ORDER BY urgency, since LIMIT ?",
            claimable(kinds)
        );
        let mut values = claimable_values(kinds, now);
        values.push(MAX_ATHLETES.into());
        let due: Vec<DueAthlete> = sql::fetch_all(self.database.readers(), &select, values).await?;
        let next = due.into_iter().min_by_key(|due| {
            let athlete = due.athlete.as_deref().unwrap_or_default();
            (due.urgency, last_claims.get(athlete).copied().unwrap_or(0), due.since)
        });
        Ok(next.map(|due| NextAthlete(due.athlete)))
    }

    async fn find_candidate(
        &self,
        kinds: &[&str],
        now: Timestamp,
        athlete: &NextAthlete,
    ) -> Result<Option<JobRow>, StoreError> {
        let of_athlete = if athlete.0.is_some() { "athlete = ?" } else { "athlete IS NULL" };
        let select = format!(
            "{} WHERE {} AND {of_athlete} ORDER BY priority, due_us, id LIMIT 1",
            JobRow::SELECT,
            claimable(kinds)
        );
        let mut values = claimable_values(kinds, now);
        values.extend(athlete.0.clone().map(Value::from));
        sql::fetch_one(self.database.readers(), &select, values).await
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
