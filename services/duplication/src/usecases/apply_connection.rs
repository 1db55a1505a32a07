//! token told of a connection: copies that waited for it may go on.

use kernel::AthleteId;
use outbox::{StoreError, again_if_contended};

use super::{Kit, ledger};
use crate::domain::connection::{Connection, to_write_with};
use crate::store::{connections, copies};

pub(crate) async fn apply_connection(
    kit: &Kit,
    athlete: AthleteId,
    connection: &Connection,
    revision: i64,
) -> Result<(), StoreError> {
    let origin = contracts::Origin {
        application: connection.application,
        generation: connection.generation,
    };
    again_if_contended(|| async {
        let effect = kit.database.effect(athlete).await?;
        if effect.is_fenced(&[origin])
            || !connections::keep(effect.conn(), athlete, connection, revision).await?
        {
            return Ok(());
        }
        if to_write_with(std::slice::from_ref(connection)).is_ok() {
            for copy in copies::open_of_child(effect.conn(), athlete).await? {
                ledger::want(kit, &effect, &copy).await?;
            }
        }
        effect.commit().await
    })
    .await
}
