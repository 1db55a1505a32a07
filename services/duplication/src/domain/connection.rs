//! An athlete's connection to Strava, as published by token.

use contracts::Origin;
use contracts::athletes::ConnectionState as WireState;
use kernel::{ApplicationId, Generation};

use super::reason;

/// State of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    Connected,
    ReconnectNeeded,
    Disconnected,
}

/// The connection of an athlete to one Strava application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) application: ApplicationId,
    pub(crate) generation: Generation,
    pub(crate) state: ConnectionState,
    pub(crate) scopes: Vec<String>,
}

/// OAuth scope an upload needs.
const UPLOAD_SCOPE: &str = "activity:write";

impl ConnectionState {
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Connected => WireState::Connected as i32,
            Self::ReconnectNeeded => WireState::ReconnectNeeded as i32,
            Self::Disconnected => WireState::Disconnected as i32,
        }
    }

    /// Returns the state of a wire code; an unknown code is not connected.
    pub(crate) fn from_code(code: i32) -> Self {
        match WireState::try_from(code) {
            Ok(WireState::Connected) => Self::Connected,
            Ok(WireState::ReconnectNeeded) => Self::ReconnectNeeded,
            _ => Self::Disconnected,
        }
    }
}

impl Connection {
    pub(crate) const fn origin(&self) -> Origin {
        Origin { application: self.application, generation: self.generation }
    }

    /// Returns the reason code that keeps it from being uploaded through, if any.
    fn upload_obstacle(&self) -> Option<&'static str> {
        match self.state {
            ConnectionState::Disconnected => Some(reason::NOT_CONNECTED),
            ConnectionState::ReconnectNeeded => Some(reason::RECONNECT_NEEDED),
            ConnectionState::Connected
                if !self.scopes.iter().any(|scope| scope == UPLOAD_SCOPE) =>
            {
                Some(reason::SCOPE_MISSING)
            }
            ConnectionState::Connected => None,
        }
    }
}

/// Returns the connection to upload through.
///
/// # Errors
///
/// The reason code of the newest connection if none can be uploaded through.
pub(crate) fn select_for_upload(connections: &[Connection]) -> Result<&Connection, &'static str> {
    match connections.iter().find(|connection| connection.upload_obstacle().is_none()) {
        Some(connection) => Ok(connection),
        None => Err(connections
            .first()
            .and_then(Connection::upload_obstacle)
            .unwrap_or(reason::NOT_CONNECTED)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(state: ConnectionState, scopes: &[&str]) -> Connection {
        Connection {
            application: ApplicationId::new(1),
            generation: Generation::new(2),
            state,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        }
    }

    #[test]
    fn only_a_connection_with_the_scope_can_be_uploaded_through() {
        let read_only = connection(ConnectionState::Connected, &["read", "activity:read_all"]);
        let writing = connection(ConnectionState::Connected, &["activity:write"]);
        assert_eq!(select_for_upload(&[]), Err(reason::NOT_CONNECTED));
        assert_eq!(select_for_upload(std::slice::from_ref(&read_only)), Err(reason::SCOPE_MISSING));
        assert_eq!(select_for_upload(&[read_only, writing.clone()]), Ok(&writing));
        let gone = connection(ConnectionState::ReconnectNeeded, &["activity:write"]);
        assert_eq!(select_for_upload(&[gone]), Err(reason::RECONNECT_NEEDED));
    }

    #[test]
    fn states_round_trip_and_an_unknown_one_is_not_connected() {
        for state in [
            ConnectionState::Connected,
            ConnectionState::ReconnectNeeded,
            ConnectionState::Disconnected,
        ] {
            assert_eq!(ConnectionState::from_code(state.code()), state);
        }
        assert_eq!(ConnectionState::from_code(77), ConnectionState::Disconnected);
    }
}
