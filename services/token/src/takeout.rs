//! The part of token in an athlete's export: no token is in it.

use std::sync::Arc;

use kernel::AthleteId;
use takeout::{Columns, Part, TakeoutData};

use crate::http::{ConnectionView, ReceiptView};
use crate::usecases::ServiceContext;
use crate::usecases::list_connections::list_connections;
use crate::usecases::list_receipts::list_receipts;

const CONNECTIONS: Columns = Columns {
    table: "connections",
    description: "Connections to Strava",
    csv: &[
        "id",
        "application",
        "strava_athlete",
        "state",
        "reason",
        "application_inactive",
        "scopes",
        "generation",
        "connected_at",
    ],
};
const RECEIPTS: Columns = Columns {
    table: "receipts",
    description: "What was erased, and when; the answers of each service are in the JSON file",
    csv: &[
        "scope",
        "application",
        "through_generation",
        "reason",
        "requested_at",
        "completed_at",
        "waiting_for",
        "log_forgotten_at",
        "backups",
    ],
};

/// Connections and receipts of an athlete.
#[derive(Clone)]
pub(crate) struct TokenTakeout(pub(crate) Arc<ServiceContext>);

impl TakeoutData for TokenTakeout {
    const SERVICE: &'static str = crate::settings::NAME;

    async fn write_part(&self, athlete: AthleteId, part: &mut Part) -> Result<(), anyhow::Error> {
        let connections = list_connections(&self.0, athlete).await?;
        let connections: Vec<_> = connections.into_iter().map(ConnectionView::from).collect();
        part.write_table(CONNECTIONS, &connections).await?;
        let receipts = list_receipts(&self.0, athlete).await?;
        let receipts: Vec<_> = receipts.into_iter().map(ReceiptView::from).collect();
        part.write_table(RECEIPTS, &receipts).await
    }
}
