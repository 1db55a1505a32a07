//! Handles `ExportRequested`: the service writes its part and answers.

use std::sync::Arc;
use std::time::Duration;

use contracts::exports::{ExportPartWritten, ExportRequested};
use contracts::{Cause, Origin, Topic};
use event_bus::{HandleError, Handler, Received};
use futures::TryStreamExt as _;
use kernel::AthleteId;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use outbox::{AthleteTx, Database, OutboxMessage, StoreError};
use uuid::Uuid;

use crate::data::TakeoutData;
use crate::part::Part;
use crate::paths::export_prefix;

/// Maximum time for a part. Whoever does not make it is asked again.
const MAX_TIME: Duration = Duration::from_mins(1);

/// Answers requests of exports with the part of one service.
///
/// A part that cannot be written is asked for again, so that a failure never holds up the records behind it.
#[derive(Clone, Debug)]
pub struct ExportHandler<D> {
    database: Database,
    objects: Arc<dyn ObjectStore>,
    data: D,
}

impl<D: TakeoutData> ExportHandler<D> {
    /// A handler that publishes its answers through this database.
    pub fn new(database: &Database, objects: &Arc<dyn ObjectStore>, data: D) -> Self {
        Self { database: database.clone(), objects: Arc::clone(objects), data }
    }

    async fn answer(
        &self,
        athlete: AthleteId,
        origins: &[Origin],
        id: &str,
    ) -> Result<(), anyhow::Error> {
        let export = export_prefix(athlete, id.parse::<Uuid>()?);
        let mut part = Part::new(&self.objects, &export, D::SERVICE);
        self.data.write_part(athlete, &mut part).await?;
        let body = ExportPartWritten {
            id: id.to_owned(),
            service: D::SERVICE.to_owned(),
            files: part.into_files(),
        };
        let message = OutboxMessage {
            topic: Topic::Exports,
            athlete: Some(athlete),
            origins: origins.to_vec(),
            cause: Cause::Operator,
            replay: false,
            body,
        };
        let message = &message;
        let publish = |tx: AthleteTx| async move {
            // What it draws on was erased meanwhile.
            if tx.is_fenced(origins) {
                return Ok(tx.unchanged(false));
            }
            tx.publish(message.clone()).await?;
            Ok::<_, StoreError>(true)
        };
        if !self.database.run("answer_export", athlete, publish).await? {
            delete_part(&self.objects, &export.join(D::SERVICE)).await?;
        }
        Ok(())
    }
}

impl<D: TakeoutData> Handler for ExportHandler<D> {
    type Event = ExportRequested;

    async fn handle(&self, event: &Received<ExportRequested>) -> Result<(), HandleError> {
        let Some(athlete) = event.athlete else { return Ok(()) };
        let answer = self.answer(athlete, &event.origins, &event.body.id);
        let error = match tokio::time::timeout(MAX_TIME, answer).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_elapsed) => anyhow::anyhow!("it took longer than {MAX_TIME:?}"),
        };
        let (service, error) = (D::SERVICE, format!("{error:#}"));
        tracing::warn!(service, %athlete, error, "a part of an export was not written; it is asked for again");
        Ok(())
    }
}

async fn delete_part(objects: &Arc<dyn ObjectStore>, prefix: &Path) -> Result<(), anyhow::Error> {
    let mut listed = objects.list(Some(prefix));
    while let Some(object) = listed.try_next().await? {
        objects.delete(&object.location).await?;
    }
    Ok(())
}
