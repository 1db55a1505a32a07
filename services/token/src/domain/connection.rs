//! A connection of an athlete: to one Strava athlete, through one application.

use contracts::Erasure;
use kernel::{ApplicationId, AthleteId, Generation, Revision, StravaAthleteId, Timestamp};
use strava_client::lease::DenialReason;

use super::scopes::Scopes;

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    /// Leases are given.
    Connected,
    /// The athlete has to connect again; their activities stay hidden meanwhile.
    ReconnectNeeded,
    /// Withdrawn: leases have stopped.
    Disconnected,
}

impl ConnectionState {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::ReconnectNeeded => "reconnect-needed",
            Self::Disconnected => "disconnected",
        }
    }

    pub(crate) const ALL: [Self; 3] = [Self::Connected, Self::ReconnectNeeded, Self::Disconnected];

    pub(crate) fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

/// The reason a connection is not connected: a code, never Strava's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateReason {
    /// It is connected.
    None,
    /// Strava said so, and the refresh token is dead.
    Withdrawn,
    /// The athlete asked us.
    Asked,
    /// The refresh token is dead and Strava never said why.
    RefreshRefused,
    /// The refresh token is dead and an answer to an earlier refresh never arrived: most likely
    /// Strava replaced the token then.
    RefreshLost,
    /// The athlete granted too little.
    ScopeMissing,
    /// The athlete did not connect again in time.
    NotReconnected,
    /// Of former releases: no key opened the tokens. Never written any more.
    Unreadable,
}

impl StateReason {
    const ALL: [Self; 8] = [
        Self::None,
        Self::Withdrawn,
        Self::Asked,
        Self::RefreshRefused,
        Self::RefreshLost,
        Self::ScopeMissing,
        Self::NotReconnected,
        Self::Unreadable,
    ];

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Withdrawn => "withdrawn",
            Self::Asked => "asked",
            Self::RefreshRefused => "refresh-refused",
            Self::RefreshLost => "refresh-lost",
            Self::ScopeMissing => "scope-missing",
            Self::NotReconnected => "not-reconnected",
            Self::Unreadable => "unreadable",
        }
    }

    pub(crate) fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// An encrypted token. Its `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct SealedToken(pub(crate) String);

impl std::fmt::Debug for SealedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedToken(…)")
    }
}

/// A refresh under way. Until it is cleared nobody knows whether Strava replaced the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefreshIntent {
    /// Unique id of the refresh.
    pub(crate) attempt: String,
    pub(crate) started_at: Timestamp,
    /// Fingerprint of the refresh token that was sent.
    pub(crate) fingerprint: String,
}

/// A connection as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) application: ApplicationId,
    pub(crate) strava_athlete: StravaAthleteId,
    pub(crate) athlete: AthleteId,
    pub(crate) generation: Generation,
    pub(crate) state: ConnectionState,
    pub(crate) reason: StateReason,
    pub(crate) scopes: Scopes,
    pub(crate) access: SealedToken,
    pub(crate) refresh: SealedToken,
    /// Tells access tokens apart without opening them.
    pub(crate) access_fingerprint: String,
    /// Tells refresh tokens apart without opening them.
    pub(crate) refresh_fingerprint: String,
    /// None if a new token is needed whatever the clock says.
    pub(crate) token_expires_at: Option<Timestamp>,
    pub(crate) intent: Option<RefreshIntent>,
    /// Time of Strava's hint that access was withdrawn, until that is settled.
    pub(crate) hinted_at: Option<Timestamp>,
    /// Time of the worker's next check: a hint to confirm, or a revoke to send.
    pub(crate) check_due: Option<Timestamp>,
    /// True until Strava has answered the revoke.
    pub(crate) revoke_pending: bool,
    /// No lease before this: Strava calls the token dead and a refresh does not help.
    pub(crate) hold_until: Option<Timestamp>,
    /// Number of times in a row that Strava called the token dead.
    pub(crate) refused_token_reports: i64,
    /// Revision of the last change that was published.
    pub(crate) revision: Revision,
    pub(crate) connected_at: Timestamp,
    /// Time since which it needs a reconnect.
    pub(crate) reconnect_needed_since: Option<Timestamp>,
}

impl Connection {
    /// A connection without tokens, before its first generation.
    pub(crate) fn new(
        id: String,
        application: ApplicationId,
        athlete: AthleteId,
        strava_athlete: StravaAthleteId,
    ) -> Self {
        Self {
            id,
            application,
            strava_athlete,
            athlete,
            generation: Generation::new(0),
            state: ConnectionState::Connected,
            reason: StateReason::None,
            scopes: Scopes::default(),
            access: SealedToken::default(),
            refresh: SealedToken::default(),
            access_fingerprint: String::new(),
            refresh_fingerprint: String::new(),
            token_expires_at: None,
            intent: None,
            hinted_at: None,
            check_due: None,
            revoke_pending: false,
            hold_until: None,
            refused_token_reports: 0,
            revision: Revision::new(0),
            connected_at: Timestamp::from_micros(0),
            reconnect_needed_since: None,
        }
    }

    /// Returns the reason if this generation, for this many calls of each kind, can never get a
    /// lease.
    pub(crate) fn admits(
        &self,
        generation: Generation,
        reads: u32,
        writes: u32,
    ) -> Result<(), DenialReason> {
        if generation != self.generation {
            return Err(DenialReason::Disconnected);
        }
        match self.state {
            ConnectionState::Disconnected => return Err(DenialReason::Disconnected),
            ConnectionState::ReconnectNeeded if self.reason == StateReason::ScopeMissing => {
                return Err(DenialReason::ScopeMissing);
            }
            ConnectionState::ReconnectNeeded => return Err(DenialReason::ReconnectNeeded),
            ConnectionState::Connected => {}
        }
        let lacks =
            (reads > 0 && !self.scopes.can_read()) || (writes > 0 && !self.scopes.can_write());
        if lacks { Err(DenialReason::ScopeMissing) } else { Ok(()) }
    }

    /// Returns true if the access token is good for longer than `margin`.
    pub(crate) fn is_token_fresh(&self, now: Timestamp, margin: std::time::Duration) -> bool {
        self.token_expires_at.is_some_and(|at| at > now.plus(margin))
    }

    /// The time until which a refresh with the stored token is waited for, if one is under way.
    pub(crate) fn refresh_deadline(&self, timeout: std::time::Duration) -> Option<Timestamp> {
        let intent = self.intent.as_ref();
        let current = intent.filter(|intent| intent.fingerprint == self.refresh_fingerprint);
        current.map(|intent| intent.started_at.plus(timeout))
    }

    /// What is to be erased when it ends.
    pub(crate) const fn erasure(&self) -> Erasure {
        Erasure::Connection { application: self.application, through: self.generation }
    }

    /// Ends the connection. If a revoke is to follow it keeps its tokens, and the refresh under way
    /// that may replace them.
    pub(crate) fn end(&mut self, state: ConnectionState, reason: StateReason) {
        self.state = state;
        self.reason = reason;
        self.hinted_at = None;
        self.hold_until = None;
        if self.revoke_pending {
            return;
        }
        self.intent = None;
        self.check_due = None;
        if state == ConnectionState::Disconnected {
            self.clear_tokens();
        }
    }

    /// Deletes the tokens: they are of no use to anybody any more.
    pub(crate) fn clear_tokens(&mut self) {
        self.access = SealedToken::default();
        self.refresh = SealedToken::default();
        self.access_fingerprint.clear();
        self.refresh_fingerprint.clear();
        self.token_expires_at = None;
        self.intent = None;
        self.revoke_pending = false;
    }
}
