//! A connection to Strava as token told: what may be asked of it.

use contracts::athletes::ConnectionState as Told;
use kernel::{ApplicationId, Generation};

use super::copy::reason;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    Connected,
    ReconnectNeeded,
    Disconnected,
}

/// One connection of an athlete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) application: ApplicationId,
    pub(crate) generation: Generation,
    pub(crate) state: ConnectionState,
    pub(crate) scopes: Vec<String>,
}

/// What an upload needs.
pub(crate) const WRITE: &str = "activity:write";

impl ConnectionState {
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Connected => Told::Connected as i32,
            Self::ReconnectNeeded => Told::ReconnectNeeded as i32,
            Self::Disconnected => Told::Disconnected as i32,
        }
    }

    /// What is not known is not connected.
    pub(crate) fn from_code(code: i32) -> Self {
        match Told::try_from(code) {
            Ok(Told::Connected) => Self::Connected,
            Ok(Told::ReconnectNeeded) => Self::ReconnectNeeded,
            _ => Self::Disconnected,
        }
    }
}

impl Connection {
    fn obstacle(&self) -> Option<&'static str> {
        match self.state {
            ConnectionState::Disconnected => Some(reason::NOT_CONNECTED),
            ConnectionState::ReconnectNeeded => Some(reason::RECONNECT_NEEDED),
            ConnectionState::Connected if !self.scopes.iter().any(|scope| scope == WRITE) => {
                Some(reason::SCOPE_MISSING)
            }
            ConnectionState::Connected => None,
        }
    }
}

/// The connection to upload through, or what stands in the way.
pub(crate) fn to_write_with(connections: &[Connection]) -> Result<&Connection, &'static str> {
    match connections.iter().find(|connection| connection.obstacle().is_none()) {
        Some(connection) => Ok(connection),
        None => {
            Err(connections.first().and_then(Connection::obstacle).unwrap_or(reason::NOT_CONNECTED))
        }
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
        assert_eq!(to_write_with(&[]), Err(reason::NOT_CONNECTED));
        assert_eq!(to_write_with(std::slice::from_ref(&read_only)), Err(reason::SCOPE_MISSING));
        assert_eq!(to_write_with(&[read_only, writing.clone()]), Ok(&writing));
        let gone = connection(ConnectionState::ReconnectNeeded, &["activity:write"]);
        assert_eq!(to_write_with(&[gone]), Err(reason::RECONNECT_NEEDED));
    }

    #[test]
    fn a_state_reads_back_what_it_wrote_and_an_unknown_one_is_not_connected() {
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
