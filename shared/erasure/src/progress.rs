//! The progress of an erasure, as its job stores it.

use contracts::Erasure;
use kernel::AthleteId;
use serde::{Deserialize, Serialize};

use crate::batch::Batch;

/// Arguments and progress of a job that erases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) athlete: AthleteId,
    /// 0: everything.
    application: i64,
    through_generation: i64,
    /// True in the second pass.
    pub(crate) second_pass: bool,
    pub(crate) stage: Stage,
    /// Where the next batch of the stage begins.
    pub(crate) after: String,
    pub(crate) rows: u64,
    pub(crate) objects: u64,
}

/// The stages of a pass, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// The service's own rows.
    Rows,
    /// Records of the outbox not yet published.
    Outbox,
    /// Parked records.
    Parked,
    /// Objects, and the answer.
    Objects,
}

impl Stage {
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Rows => Self::Outbox,
            Self::Outbox => Self::Parked,
            Self::Parked | Self::Objects => Self::Objects,
        }
    }
}

impl Progress {
    /// The beginning of an erasure.
    pub(crate) fn new(athlete: AthleteId, erasure: Erasure) -> Self {
        let (application, through_generation) = erasure.scope();
        Self {
            athlete,
            application,
            through_generation,
            second_pass: false,
            stage: Stage::Rows,
            after: String::new(),
            rows: 0,
            objects: 0,
        }
    }

    pub(crate) fn erasure(&self) -> Erasure {
        Erasure::from_scope(self.application, self.through_generation)
    }

    /// The progress after a batch.
    pub(crate) fn after_batch(mut self, batch: Batch) -> Self {
        // Messages about the rows are not counted again.
        if self.stage == Stage::Rows {
            self.rows += batch.rows;
        }
        match batch.next {
            Some(next) => self.after = next,
            None => {
                self.stage = self.stage.next();
                self.after.clear();
            }
        }
        self
    }

    /// The beginning of the second pass.
    pub(crate) fn second_pass(self) -> Self {
        Self { second_pass: true, stage: Stage::Rows, after: String::new(), ..self }
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// The subject of the job; one per athlete, application and generation.
pub(crate) fn subject(athlete: AthleteId, erasure: Erasure) -> String {
    let (application, through_generation) = erasure.scope();
    format!("{athlete}:{application}:{through_generation}")
}
