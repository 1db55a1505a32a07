//! Handles `ExportPartWritten`: a service has written its part of an export.

use contracts::exports::ExportPartWritten;
use event_bus::{HandleError, Handler, Received};
use uuid::Uuid;

use crate::domain::export::{ExportPart, PartFile};
use crate::usecases::ServiceContext;
use crate::usecases::export::record_part;

/// Records parts.
#[derive(Debug)]
pub(super) struct PartHandler(pub(super) ServiceContext);

impl Handler for PartHandler {
    type Event = ExportPartWritten;

    async fn handle(&self, event: &Received<ExportPartWritten>) -> Result<(), HandleError> {
        let Some(athlete) = event.athlete else { return Ok(()) };
        let export: Uuid = event
            .body
            .id
            .parse()
            .map_err(|error: uuid::Error| HandleError::Rejected(error.into()))?;
        let files = event.body.files.iter().cloned().map(PartFile::from).collect();
        let part = ExportPart { service: event.body.service.clone(), files };
        Ok(record_part(&self.0, athlete, export, &part).await?)
    }
}
