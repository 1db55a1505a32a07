//! Tells everybody how a connection now is.

use contracts::athletes::{self, AthleteChanged, ConnectionState};
use contracts::{Cause, Origin, Topic};
use outbox::{Effect, OutboxMessage, StoreError};

use crate::domain::connection::{Connection, State};

/// Draws a revision for the connection and publishes it; the caller stores the connection.
pub(super) async fn changed(
    effect: &mut Effect,
    connection: &mut Connection,
) -> Result<(), StoreError> {
    connection.revision = effect.next().await?;
    effect.bump_version();
    effect.publish(draft(connection, Topic::Athletes, false)).await?;
    Ok(())
}

/// The event that says how the connection is; the same revision whenever it is told again.
pub(super) fn draft(
    connection: &Connection,
    topic: Topic,
    replay: bool,
) -> OutboxMessage<AthleteChanged> {
    let state = match connection.state {
        State::Connected => ConnectionState::Connected,
        State::ReconnectNeeded => ConnectionState::ReconnectNeeded,
        State::Disconnected => ConnectionState::Disconnected,
    };
    let body = AthleteChanged {
        revision: connection.revision,
        change: Some(athletes::athlete_changed::Change::Connection(athletes::Connection {
            application: connection.application.get(),
            strava_athlete: connection.strava_athlete.get(),
            generation: connection.generation.get(),
            state: state.into(),
            scopes: connection.scopes.names(),
            connected_at_us: connection.connected_at.as_micros(),
            reason: connection.reason.code().to_owned(),
        })),
    };
    OutboxMessage {
        topic,
        athlete: Some(connection.athlete),
        origins: vec![Origin {
            application: connection.application,
            generation: connection.generation,
        }],
        cause: Cause::Live,
        replay,
        body,
    }
}
