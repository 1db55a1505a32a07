//! Lists what was erased of an athlete, and by whom.

use kernel::AthleteId;
use outbox::StoreError;

use super::ServiceContext;
use crate::domain::erasure::{ErasureAnswer, RequestedErasure};
use crate::store::erasures;

/// An erasure with the answers of the services.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) requested: RequestedErasure,
    pub(crate) answers: Vec<ErasureAnswer>,
    /// The services that have not answered for good.
    pub(crate) waiting_for: Vec<String>,
}

/// Lists the receipts of the athlete, the newest first.
pub(crate) async fn list_receipts(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<Vec<Receipt>, StoreError> {
    let readers = ctx.database.readers();
    let mut receipts = Vec::new();
    for requested in erasures::list_by_athlete(readers, athlete).await? {
        let answers = erasures::list_answers(readers, &requested).await?;
        let is_open = |service: &&String| {
            !answers.iter().any(|answer| answer.is_final && answer.service == **service)
        };
        let waiting_for = match requested.completed_at {
            Some(_) => Vec::new(),
            None => ctx.settings.erasure_services.iter().filter(is_open).cloned().collect(),
        };
        receipts.push(Receipt { requested, answers, waiting_for });
    }
    Ok(receipts)
}
