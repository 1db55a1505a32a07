//! Looks at connections when they are due, woken by whoever makes one due.

use std::sync::Arc;
use std::time::Duration;

use lifecycle::Stop;

use crate::usecases::{Means, reseal::reseal, work_off_checks::work_off_checks};

/// Without a ring: what another process made due is found this soon.
const LOOK: Duration = Duration::from_secs(30);
/// After the database was away.
const PAUSE: Duration = Duration::from_secs(2);

/// Runs until the soft stop.
pub(crate) async fn run_checks(means: Arc<Means>, soft: Stop) -> Result<(), anyhow::Error> {
    match reseal(&means).await {
        Ok(0) => {}
        Ok(connections) => tracing::info!(connections, "sealed tokens again with the current key"),
        Err(error) => tracing::warn!(%error, "tokens could not be sealed again"),
    }
    while !soft.is_stopped() {
        let wait = match work_off_checks(&means).await {
            Ok(Some(due)) => due.since(means.now()).min(LOOK),
            Ok(None) => LOOK,
            Err(error) => {
                tracing::warn!(%error, "connections could not be looked at");
                PAUSE
            }
        };
        tokio::select! {
            () = soft.stopped() => {}
            () = means.due.notified() => {}
            () = tokio::time::sleep(wait.max(Duration::from_millis(50))) => {}
        }
    }
    Ok(())
}
