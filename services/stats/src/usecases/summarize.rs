//! Answers what an athlete's activities come to, period by period.

use kernel::AthleteId;
use outbox::StoreError;

use super::Core;
use crate::domain::query::{Asked, Question, Unanswerable};
use crate::domain::summary::{self, Item};
use crate::domain::sums::Sums;
use crate::store::{facts, totals};

/// A question that is understood, and the version its answer would be of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Understood {
    pub(crate) question: Question,
    pub(crate) version: i64,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) items: Vec<Item>,
    pub(crate) total: Sums,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SummaryError {
    #[error("the question cannot be answered")]
    Unanswerable(#[from] Unanswerable),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Understands the question. The version is read first: an answer may be newer than it says, never older.
pub(crate) async fn understand(
    core: &Core,
    athlete: AthleteId,
    asked: &Asked,
) -> Result<Understood, SummaryError> {
    let database = core.store.database();
    let version = database.version_of(database.readers(), athlete).await?;
    let today = facts::zone(database.readers(), athlete).await?.day_of(core.clock.now());
    let counted = if asked.sports.is_empty() {
        Vec::new()
    } else {
        totals::sports(database.readers(), athlete).await?
    };
    Ok(Understood { question: Question::read(asked, today, &counted)?, version })
}

/// Answers it.
pub(crate) async fn answer(
    core: &Core,
    athlete: AthleteId,
    question: &Question,
) -> Result<Summary, StoreError> {
    let database = core.store.database();
    let range = (question.from, question.to);
    let days = totals::between(database.readers(), athlete, range, &question.sports).await?;
    Ok(Summary { items: summary::by_period(&days, question.group), total: summary::total(&days) })
}
