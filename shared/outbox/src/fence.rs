//! Fences: what an athlete has withdrawn changes nothing any more.

use contracts::{Erasure, Origin};
use kernel::{ApplicationId, AthleteId, Generation};
use sea_orm::ConnectionTrait;

use crate::{StoreError, sql};

/// The fences of one athlete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fences {
    pub(crate) gone: bool,
    minima: Vec<(ApplicationId, Generation)>,
}

impl Fences {
    /// What is stored; the athlete's row must be locked.
    pub(crate) async fn load<C: ConnectionTrait>(
        conn: &C,
        of: AthleteId,
        gone: bool,
    ) -> Result<Self, StoreError> {
        let rows = sql::all(
            conn,
            "SELECT application, min_generation FROM fence WHERE athlete = ?",
            [of.to_string().into()],
        )
        .await?;
        let minima = rows
            .iter()
            .map(|row| {
                Ok((
                    ApplicationId::new(row.try_get("", "application")?),
                    Generation::new(row.try_get("", "min_generation")?),
                ))
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(Self { gone, minima })
    }

    /// The lowest generation of an application that still counts.
    pub(crate) fn minimum(&self, application: ApplicationId) -> Option<Generation> {
        self.minima.iter().find(|(of, _)| *of == application).map(|(_, minimum)| *minimum)
    }

    /// Whether one of these origins, or the athlete as a whole, is fenced: one fenced pair drops a message.
    pub(crate) fn shut_out(&self, origins: &[Origin]) -> bool {
        self.gone
            || origins.iter().any(|origin| {
                self.minimum(origin.application).is_some_and(|minimum| origin.generation < minimum)
            })
    }

    /// Raises the fence; false if it is as high already. The athlete's row holds `gone`: the caller writes it.
    pub(crate) async fn raise<C: ConnectionTrait>(
        &mut self,
        conn: &C,
        of: AthleteId,
        erasure: Erasure,
    ) -> Result<bool, StoreError> {
        let (application, minimum) = match erasure {
            Erasure::Everything => return Ok(!std::mem::replace(&mut self.gone, true)),
            Erasure::Connection { application, through } => {
                (application, Generation::new(through.get().saturating_add(1)))
            }
        };
        match self.minimum(application) {
            Some(known) if known >= minimum => return Ok(false),
            Some(_) => {
                sql::execute(
                    conn,
                    "UPDATE fence SET min_generation = ? WHERE athlete = ? AND application = ?",
                    [minimum.get().into(), of.to_string().into(), application.get().into()],
                )
                .await?;
            }
            None => {
                sql::execute(
                    conn,
                    "INSERT INTO fence (athlete, application, min_generation) VALUES (?, ?, ?)",
                    [of.to_string().into(), application.get().into(), minimum.get().into()],
                )
                .await?;
            }
        }
        self.minima.retain(|(of, _)| *of != application);
        self.minima.push((application, minimum));
        Ok(true)
    }
}
