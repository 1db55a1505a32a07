//! Changes of a connection that several use cases make: storing, ending and transferring its tokens.

use contracts::athletes::{self, AthleteChanged};
use contracts::{Cause, Origin, Topic};
use outbox::{Effect, OutboxMessage, StoreError};
use strava_client::RefreshedTokens;

use super::ServiceContext;
use crate::domain::connection::{Connection, ConnectionState, StateReason};
use crate::domain::scopes::Scopes;
use crate::store::{TokenKind, connections, fingerprint};

/// Locks the athlete of a connection and loads the connection; none if there is no such connection.
pub(super) async fn load_for_update(
    ctx: &ServiceContext,
    id: &str,
) -> Result<Option<(Effect, Connection)>, StoreError> {
    let Some(known) = connections::find(ctx.database.readers(), id).await? else {
        return Ok(None);
    };
    let tx = ctx.database.effect(known.athlete).await?;
    let connection = connections::find(tx.conn(), id).await?;
    Ok(connection.map(|connection| (tx, connection)))
}

/// Seals new tokens and puts them into the connection; the caller writes the row.
pub(super) fn store_tokens(
    ctx: &ServiceContext,
    connection: &mut Connection,
    tokens: &RefreshedTokens,
) -> Result<(), StoreError> {
    let seal = |kind, token: &str| {
        ctx.keys
            .seal(ctx.ids.as_ref(), &connection.id, kind, token)
            .map_err(|_unsealed| StoreError::inconsistent("a token could not be sealed"))
    };
    let access = seal(TokenKind::Access, tokens.access_token.expose())?;
    let refresh = seal(TokenKind::Refresh, tokens.refresh_token.expose())?;
    let access_fingerprint = fingerprint(tokens.access_token.expose());
    if access_fingerprint != connection.access_fingerprint {
        connection.dead_reports = 0;
        connection.hold_until = None;
    }
    connection.access = access;
    connection.refresh = refresh;
    connection.access_fingerprint = access_fingerprint;
    connection.refresh_fingerprint = fingerprint(tokens.refresh_token.expose());
    connection.token_expires_at = Some(tokens.expires_at);
    Ok(())
}

/// Stores tokens that another athlete's consent brought with the connection that holds the Strava
/// athlete.
pub(super) async fn transfer_tokens(
    ctx: &ServiceContext,
    holder: &str,
    tokens: &RefreshedTokens,
    scopes: &Scopes,
) -> Result<(), StoreError> {
    let Some((mut tx, mut connection)) = load_for_update(ctx, holder).await? else {
        return Ok(());
    };
    if connection.state == ConnectionState::Disconnected {
        return Ok(());
    }
    store_tokens(ctx, &mut connection, tokens)?;
    connection.intent = None;
    if connection.scopes != *scopes {
        connection.scopes = scopes.clone();
        publish_change(&mut tx, &mut connection).await?;
    }
    connections::update(tx.conn(), &connection).await?;
    tx.commit().await
}

/// Ends the connection, publishes it and commits. A connection that the athlete disconnected
/// stays as it is.
pub(super) async fn end_connection(
    mut tx: Effect,
    mut connection: Connection,
    state: ConnectionState,
    reason: StateReason,
) -> Result<(), StoreError> {
    if connection.state == ConnectionState::Disconnected {
        return Ok(());
    }
    let changes = (connection.state, connection.reason) != (state, reason);
    connection.end(state, reason);
    if changes {
        if reason != StateReason::Asked {
            // Many at once are an alarm: a restored backup, or a wrong client id.
            metrics::counter!("token_connections_ended_total", "reason" => reason.code())
                .increment(1);
            tracing::warn!(athlete = %connection.athlete, state = state.code(), reason = reason.code(), "a connection ended");
        }
        publish_change(&mut tx, &mut connection).await?;
    }
    connections::update(tx.conn(), &connection).await?;
    tx.commit().await
}

/// Draws a revision for the connection and publishes it; the caller writes the row.
pub(super) async fn publish_change(
    tx: &mut Effect,
    connection: &mut Connection,
) -> Result<(), StoreError> {
    connection.revision = tx.next().await?;
    tx.bump_version();
    tx.publish(change_event(connection, Topic::Athletes, false)).await?;
    Ok(())
}

/// The event with the connection's state; a replay has the revision of the first publication.
pub(super) fn change_event(
    connection: &Connection,
    topic: Topic,
    replay: bool,
) -> OutboxMessage<AthleteChanged> {
    let state = match connection.state {
        ConnectionState::Connected => athletes::ConnectionState::Connected,
        ConnectionState::ReconnectNeeded => athletes::ConnectionState::ReconnectNeeded,
        ConnectionState::Disconnected => athletes::ConnectionState::Disconnected,
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
