//! Erases what an athlete withdrew: observations, the activities derived from them, the journal, and streams.

use contracts::Erasure;
use erasure::{BATCH_SIZE, Batch, ErasableData, Erasures};
use kernel::{ApplicationId, AthleteId, Generation, Source};
use object_store::ObjectMeta;
use object_store::path::Path;
use outbox::{AthleteTx, StoreError};

use super::delete_objects::delete_objects;
use super::{ServiceContext, job};
use crate::domain::export::{Export, ExportState};
use crate::store;

/// Tables of an athlete with many rows, each with the column of its key that tells them apart. The journal and the
/// small ones go at once.
const LARGE_TABLES: [(&str, &str); 3] =
    [("observation", "source_id"), ("activity", "id"), ("source_identity", "source_id")];
const OTHER_TABLES: [&str; 4] = ["backfill", "journal", "connection", "export"];

/// Observations, activities, journal and streams of an athlete, as erasures see them.
#[derive(Clone, Debug)]
pub(crate) struct IngestData(ServiceContext);

impl ServiceContext {
    /// The erasures of ingest.
    pub(crate) fn erasures(&self) -> Erasures<IngestData> {
        Erasures::new(&self.database, &self.queue, IngestData(self.clone()))
    }
}

impl ErasableData for IngestData {
    const SERVICE: &'static str = crate::settings::NAME;

    async fn erase_batch(
        &self,
        tx: &AthleteTx,
        erasure: Erasure,
        after: &str,
    ) -> Result<Batch, StoreError> {
        match erasure {
            Erasure::Connection { application, through } => {
                self.erase_observations(tx, application, through, after).await
            }
            Erasure::Everything => self.erase_everything(tx).await,
        }
    }

    async fn erase_objects(
        &self,
        athlete: AthleteId,
        erasure: Erasure,
    ) -> Result<u64, anyhow::Error> {
        let Erasure::Connection { application, .. } = erasure else {
            let everything = Path::from(format!("athletes/{athlete}"));
            return Ok(delete_objects(&self.0, &everything, |_| true).await?);
        };
        let streams = Path::from(format!("athletes/{athlete}/strava/{application}"));
        let is_erased = |object: &ObjectMeta| is_erased(&object.location, erasure);
        let erased = delete_objects(&self.0, &streams, is_erased).await?;
        // They hold what was erased.
        let exports = takeout::exports_prefix(athlete);
        Ok(erased + delete_objects(&self.0, &exports, |_| true).await?)
    }
}

impl IngestData {
    async fn erase_observations(
        &self,
        tx: &AthleteTx,
        application: ApplicationId,
        through: Generation,
        after: &str,
    ) -> Result<Batch, StoreError> {
        let (athlete, source) = (tx.athlete(), Source::Strava(application));
        let batch =
            store::observations::list_batch(tx.conn(), (athlete, source), after, BATCH_SIZE)
                .await?;
        let next = Batch::place_after(&batch, |last| last.key.source_id.to_string());
        let mut rows = 0;
        for mut observation in batch {
            let before = observation.clone();
            observation.erase_through(through);
            if observation.is_blank() {
                store::observations::delete(tx.conn(), &observation.key).await?;
            } else if observation == before {
                continue;
            } else {
                store::observations::save(tx.conn(), &observation, true).await?;
            }
            rows += 1;
            if let Some(activity) = observation.activity {
                self.0.derive_again(tx, activity, None).await?;
            }
        }
        if next.is_none() {
            // The entries since a new connect are those of the new connection.
            let stored = store::connections::find(tx.conn(), athlete, application).await?;
            let current = stored.filter(|stored| stored.generation > through);
            let before = current.map(|current| current.connected_at);
            rows += store::journal::delete_for_source(tx.conn(), athlete, source, before).await?;
            rows += self.end_export(tx).await?;
        }
        Ok(Batch { rows, next })
    }

    /// Ends the athlete's export: it may hold what is erased. Whoever wants one asks again.
    async fn end_export(&self, tx: &AthleteTx) -> Result<u64, StoreError> {
        let stored = store::exports::find(tx.conn(), tx.athlete()).await?;
        let is_open =
            |export: &Export| matches!(export.state, ExportState::Collecting | ExportState::Ready);
        let Some(mut export) = stored.filter(is_open) else { return Ok(0) };
        export.end(ExportState::Deleted, "erased");
        store::exports::save(tx.conn(), &export).await?;
        Ok(1)
    }

    async fn erase_everything(&self, tx: &AthleteTx) -> Result<Batch, StoreError> {
        if let Some(export) = store::exports::find(tx.conn(), tx.athlete()).await? {
            for kind in job::EXPORT_KINDS {
                self.0.queue.delete(tx, kind, &export.id.to_string()).await?;
            }
        }
        erase_tables(tx).await
    }
}

async fn erase_tables(tx: &AthleteTx) -> Result<Batch, StoreError> {
    let (conn, athlete) = (tx.conn(), tx.athlete());
    for table in LARGE_TABLES {
        let rows = store::delete_batch(conn, athlete, table, BATCH_SIZE).await?;
        if rows > 0 {
            return Ok(Batch { rows, next: Some(table.0.to_owned()) });
        }
    }
    let mut rows = 0;
    for table in OTHER_TABLES {
        rows += store::delete_all(conn, athlete, table).await?;
    }
    Ok(Batch::last(rows))
}

/// True if the object `athletes/<athlete>/strava/<application>/<generation>/…` stems from an erased generation.
fn is_erased(object: &Path, erasure: Erasure) -> bool {
    let Erasure::Connection { through, .. } = erasure else { return true };
    let generation = object.parts().nth(4).and_then(|part| part.as_ref().parse().ok());
    generation.is_some_and(|generation| Generation::new(generation) <= through)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_a_later_generation_are_kept() {
        let through = Generation::new(2);
        let erasure = Erasure::Connection { application: ApplicationId::new(1), through };
        let object = |generation| Path::from(format!("athletes/a/strava/1/{generation}/10/7"));
        assert!(is_erased(&object(1), erasure) && is_erased(&object(2), erasure));
        assert!(!is_erased(&object(3), erasure) && !is_erased(&object(10), erasure));
        assert!(!is_erased(&Path::from("athletes/a/file/10"), erasure));
        assert!(is_erased(&Path::from("athletes/a/file/10"), Erasure::Everything));
    }
}
