//! Does work that must not end with the request that wanted it.

use std::future::Future;
use std::pin::Pin;

use lifecycle::{Stop, Tasks};
use tokio::sync::mpsc::UnboundedReceiver;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Gives each piece of work a task of its own, also while the program stops softly.
pub(crate) async fn run_owned(
    mut wanted: UnboundedReceiver<Work>,
    tasks: Tasks,
    soft: Stop,
) -> Result<(), anyhow::Error> {
    while let Some(Some(work)) = soft.run_until_stopped(wanted.recv()).await {
        tasks.spawn("token.owned", async move {
            work.await;
            Ok(())
        });
    }
    Ok(())
}
