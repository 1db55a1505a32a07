//! Lists an athlete's connections and their state.

use kernel::AthleteId;
use outbox::StoreError;

use super::ServiceContext;
use crate::domain::connection::Connection;
use crate::store::{budgets, connections};

/// A connection and the state of its application.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionStatus {
    pub(crate) connection: Connection,
    /// True if Strava has switched the application off.
    pub(crate) application_inactive: bool,
}

/// Lists all connections of the athlete.
pub(crate) async fn list_connections(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<Vec<ConnectionStatus>, StoreError> {
    let mut statuses = Vec::new();
    for connection in connections::list_by_athlete(&ctx.database, athlete).await? {
        let budget = budgets::load(&ctx.database, connection.application, ctx.now()).await?;
        let application_inactive = budget.inactive_since.is_some();
        statuses.push(ConnectionStatus { connection, application_inactive });
    }
    Ok(statuses)
}
