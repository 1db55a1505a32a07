//! Shows an athlete how their connections stand.

use kernel::AthleteId;
use outbox::StoreError;

use super::Means;
use crate::domain::connection::Connection;
use crate::store::{budget, of_athlete};

/// A connection, and whether Strava has switched its application off.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) connection: Connection,
    pub(crate) application_inactive: bool,
}

/// Every connection of the athlete.
pub(crate) async fn list_connections(
    means: &Means,
    athlete: AthleteId,
) -> Result<Vec<Standing>, StoreError> {
    let mut standings = Vec::new();
    for connection in of_athlete(&means.database, athlete).await? {
        let budget = budget(&means.database, connection.application, means.now()).await?;
        standings
            .push(Standing { connection, application_inactive: budget.inactive_since.is_some() });
    }
    Ok(standings)
}
