//! Sums an athlete's activities, period by period.

use kernel::AthleteId;
use outbox::StoreError;

use super::ServiceContext;
use crate::domain::summary::{SummaryItem, sum_all, sum_by_period};
use crate::domain::summary_query::{InvalidQuery, QueryParameters, SummaryQuery};
use crate::domain::sums::Sums;
use crate::store::{facts, totals};

/// A valid query, and the version its answer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VersionedQuery {
    pub(crate) query: SummaryQuery,
    pub(crate) version: i64,
}

/// The sums a query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) items: Vec<SummaryItem>,
    pub(crate) total: Sums,
}

/// Reason for the lack of an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SummaryError {
    #[error("the query is invalid")]
    InvalidQuery(#[from] InvalidQuery),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Checks and completes a query. The version is read first: an answer may be newer than its version
/// says, never older.
pub(crate) async fn prepare_query(
    ctx: &ServiceContext,
    athlete: AthleteId,
    parameters: &QueryParameters,
) -> Result<VersionedQuery, SummaryError> {
    let conn = ctx.database.readers();
    let version = ctx.database.version_of(conn, athlete).await?;
    let today = facts::find_zone(conn, athlete).await?.day_of(ctx.now());
    let counted = if parameters.sports.is_empty() {
        Vec::new()
    } else {
        totals::list_sports(conn, athlete).await?
    };
    Ok(VersionedQuery { query: SummaryQuery::parse(parameters, today, &counted)?, version })
}

/// Answers a query.
pub(crate) async fn summarize(
    ctx: &ServiceContext,
    athlete: AthleteId,
    query: &SummaryQuery,
) -> Result<Summary, StoreError> {
    let range = query.from..=query.to;
    let days = totals::list_between(ctx.database.readers(), athlete, range, &query.sports).await?;
    Ok(Summary { items: sum_by_period(&days, query.group), total: sum_all(&days) })
}
