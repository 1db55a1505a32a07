//! Fences: events of a withdrawn connection or a deleted account change nothing any more.

use contracts::{Erasure, Origin};
use kernel::{ApplicationId, AthleteId, Generation};
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::{StoreError, sql};

#[derive(FromQueryResult)]
struct FenceRow {
    application: i64,
    min_generation: i64,
}

/// The fences of one athlete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fences {
    pub(crate) gone: bool,
    minima: Vec<(ApplicationId, Generation)>,
}

impl Fences {
    /// Reads the stored fences; the athlete's row must be locked.
    pub(crate) async fn load<C: ConnectionTrait>(
        conn: &C,
        athlete: AthleteId,
        gone: bool,
    ) -> Result<Self, StoreError> {
        let rows: Vec<FenceRow> = sql::fetch_all(
            conn,
            "SELECT application, min_generation FROM fence WHERE athlete = ?",
            [athlete.to_string().into()],
        )
        .await?;
        let minima = rows
            .into_iter()
            .map(|row| (ApplicationId::new(row.application), Generation::new(row.min_generation)));
        Ok(Self { gone, minima: minima.collect() })
    }

    /// The lowest generation of an application that still counts.
    pub(crate) fn min_generation(&self, application: ApplicationId) -> Option<Generation> {
        self.minima.iter().find(|(of, _)| *of == application).map(|(_, minimum)| *minimum)
    }

    /// True if one of these origins, or the athlete as a whole, is fenced: one fenced pair drops a message.
    pub(crate) fn shuts_out(&self, origins: &[Origin]) -> bool {
        self.gone
            || origins.iter().any(|origin| {
                self.min_generation(origin.application)
                    .is_some_and(|minimum| origin.generation < minimum)
            })
    }

    /// Raises the fence; false if it is as high already. `deleted` is a column of the athlete's row, which
    /// the caller writes.
    pub(crate) async fn raise<C: ConnectionTrait>(
        &mut self,
        conn: &C,
        athlete: AthleteId,
        erasure: Erasure,
    ) -> Result<bool, StoreError> {
        let (application, minimum) = match erasure {
            Erasure::Everything => return Ok(!std::mem::replace(&mut self.gone, true)),
            Erasure::Connection { application, through } => {
                (application, Generation::new(through.get().saturating_add(1)))
            }
        };
        match self.min_generation(application) {
            Some(known) if known >= minimum => return Ok(false),
            Some(_) => {
                sql::execute(
                    conn,
                    "UPDATE fence SET min_generation = ? WHERE athlete = ? AND application = ?",
                    [minimum.get().into(), athlete.to_string().into(), application.get().into()],
                )
                .await?;
            }
            None => {
                sql::execute(
                    conn,
                    "INSERT INTO fence (athlete, application, min_generation) VALUES (?, ?, ?)",
                    [athlete.to_string().into(), application.get().into(), minimum.get().into()],
                )
                .await?;
            }
        }
        self.minima.retain(|(of, _)| *of != application);
        self.minima.push((application, minimum));
        Ok(true)
    }
}
