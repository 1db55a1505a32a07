//! The table `export`: the newest export of each athlete, one row each.

use contracts::Origin;
use kernel::{ApplicationId, AthleteId, Generation, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::Result;
use super::row::{Table, from_json, parse_id, to_json};
use crate::domain::export::{Export, ExportState};

const TABLE: Table = Table {
    name: "export",
    columns: "id, state, reason, requested_at_us, ready_at_us, origins, parts, bytes, sha256, athlete",
    key_columns: 1,
};

#[derive(FromQueryResult)]
struct ExportRow {
    athlete: String,
    id: String,
    state: String,
    reason: String,
    requested_at_us: i64,
    ready_at_us: Option<i64>,
    origins: String,
    parts: String,
    bytes: i64,
    sha256: String,
}

/// Finds the newest export of an athlete.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Option<Export>> {
    let select = "SELECT * FROM export WHERE athlete = ?";
    let row = sql::fetch_one::<ExportRow>(conn, select, [athlete.to_string().into()]).await?;
    row.map(Export::try_from).transpose()
}

/// Inserts or, if the athlete has one already, overwrites the export. The athlete's row must be locked.
pub(crate) async fn save(conn: &impl ConnectionTrait, export: &Export) -> Result<()> {
    let exists = sql::exists(
        conn,
        "SELECT id FROM export WHERE athlete = ?",
        [export.athlete.to_string().into()],
    )
    .await?;
    let origins: Vec<(i64, i64)> = export
        .origins
        .iter()
        .map(|origin| (origin.application.get(), origin.generation.get()))
        .collect();
    let values = vec![
        export.id.to_string().into(),
        export.state.as_str().into(),
        export.reason.clone().into(),
        export.requested_at.as_micros().into(),
        export.ready_at.map(Timestamp::as_micros).into(),
        to_json(Some(&origins))?,
        to_json(Some(&export.parts))?,
        export.bytes.into(),
        export.sha256.clone().into(),
        export.athlete.to_string().into(),
    ];
    TABLE.save(conn, values, exists).await
}

impl TryFrom<ExportRow> for Export {
    type Error = StoreError;

    fn try_from(row: ExportRow) -> Result<Self> {
        let state = ExportState::parse(&row.state)
            .ok_or_else(|| StoreError::inconsistent(format!("the stored state {:?}", row.state)))?;
        let origins: Vec<(i64, i64)> = from_json(Some(&row.origins))?.unwrap_or_default();
        Ok(Self {
            athlete: parse_id(&row.athlete)?,
            id: parse_id(&row.id)?,
            state,
            reason: row.reason,
            requested_at: Timestamp::from_micros(row.requested_at_us),
            ready_at: row.ready_at_us.map(Timestamp::from_micros),
            origins: origins
                .into_iter()
                .map(|(application, generation)| Origin {
                    application: ApplicationId::new(application),
                    generation: Generation::new(generation),
                })
                .collect(),
            parts: from_json(Some(&row.parts))?.unwrap_or_default(),
            bytes: row.bytes,
            sha256: row.sha256,
        })
    }
}
