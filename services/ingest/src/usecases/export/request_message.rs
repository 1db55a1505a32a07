//! The message that asks the other services for their parts.

use contracts::exports::ExportRequested;
use contracts::{Cause, Topic};
use outbox::OutboxMessage;

use crate::domain::export::Export;

/// The request that the other services answer.
pub(super) fn request_message(export: &Export) -> OutboxMessage<ExportRequested> {
    OutboxMessage {
        topic: Topic::Exports,
        athlete: Some(export.athlete),
        origins: export.origins.clone(),
        cause: Cause::Operator,
        replay: false,
        body: ExportRequested {
            id: export.id.to_string(),
            requested_at_us: export.requested_at.as_micros(),
        },
    }
}
