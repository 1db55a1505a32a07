//! A connection: one Strava athlete of one application, and whose it is.

use kernel::{ApplicationId, AthleteId, Generation, StravaAthleteId, Timestamp};
use strava_client::lease::DenialReason;

use super::scopes::Scopes;

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Leases are given.
    Connected,
    /// The athlete has to connect again; what there is stays hidden meanwhile.
    ReconnectNeeded,
    /// Withdrawn: leases have stopped.
    Disconnected,
}

impl State {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::ReconnectNeeded => "reconnect-needed",
            Self::Disconnected => "disconnected",
        }
    }

    pub(crate) fn parse(code: &str) -> Option<Self> {
        [Self::Connected, Self::ReconnectNeeded, Self::Disconnected]
            .into_iter()
            .find(|state| state.code() == code)
    }
}

/// Why a connection is not connected; a code, never Strava's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// There is nothing to explain.
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
    /// What was granted is not enough.
    ScopeMissing,
    /// No key we hold opens the stored tokens.
    Unreadable,
}

impl Reason {
    const ALL: [Self; 7] = [
        Self::None,
        Self::Withdrawn,
        Self::Asked,
        Self::RefreshRefused,
        Self::RefreshLost,
        Self::ScopeMissing,
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
            Self::Unreadable => "unreadable",
        }
    }

    pub(crate) fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// A token nobody can read without the key; it prints as nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Sealed(pub(crate) String);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(…)")
    }
}

/// A refresh that was begun. Until it is cleared nobody knows whether Strava replaced the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Intent {
    /// Which attempt.
    pub(crate) attempt: String,
    /// When it began.
    pub(crate) at: Timestamp,
    /// The print of the refresh token that was sent.
    pub(crate) print: String,
}

/// A connection as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) application: ApplicationId,
    pub(crate) strava_athlete: StravaAthleteId,
    pub(crate) athlete: AthleteId,
    pub(crate) generation: Generation,
    pub(crate) state: State,
    pub(crate) reason: Reason,
    pub(crate) scopes: Scopes,
    pub(crate) access: Sealed,
    pub(crate) refresh: Sealed,
    /// Tells access tokens apart without opening them.
    pub(crate) access_print: String,
    /// Tells refresh tokens apart without opening them.
    pub(crate) refresh_print: String,
    /// Nothing when a new token is needed whatever the clock says.
    pub(crate) token_expires_at: Option<Timestamp>,
    pub(crate) intent: Option<Intent>,
    /// When Strava hinted that access was withdrawn, until that is settled.
    pub(crate) hinted_at: Option<Timestamp>,
    /// When the worker looks at it: a hint to confirm, or a revoke to send.
    pub(crate) check_due: Option<Timestamp>,
    /// A revoke that Strava has not answered yet.
    pub(crate) revoking: bool,
    /// No lease before this: Strava calls the token dead and a refresh does not help.
    pub(crate) hold_until: Option<Timestamp>,
    /// How often in a row Strava called the token dead.
    pub(crate) dead_reports: i64,
    /// Of the last change that was published.
    pub(crate) revision: i64,
    pub(crate) connected_at: Timestamp,
}

impl Connection {
    /// Whether this generation, for this many calls of each kind, may ever get a lease.
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
            State::Disconnected => return Err(DenialReason::Disconnected),
            State::ReconnectNeeded if self.reason == Reason::ScopeMissing => {
                return Err(DenialReason::ScopeMissing);
            }
            State::ReconnectNeeded => return Err(DenialReason::ReconnectNeeded),
            State::Connected => {}
        }
        let lacks = (reads > 0 && !self.scopes.reads()) || (writes > 0 && !self.scopes.writes());
        if lacks { Err(DenialReason::ScopeMissing) } else { Ok(()) }
    }

    /// Whether the access token is good for longer than `margin`.
    pub(crate) fn is_fresh(&self, now: Timestamp, margin: std::time::Duration) -> bool {
        self.token_expires_at.is_some_and(|at| at > now.plus(margin))
    }

    /// Until when a refresh that was begun with the stored token is waited for.
    pub(crate) fn refresh_ends(&self, patience: std::time::Duration) -> Option<Timestamp> {
        let open = self.intent.as_ref().filter(|intent| intent.print == self.refresh_print);
        open.map(|intent| intent.at.plus(patience))
    }

    /// Not connected any more; the tokens go, unless a revoke still needs them, and with them the
    /// refresh under way that may replace them.
    pub(crate) fn end(&mut self, state: State, reason: Reason) {
        self.state = state;
        self.reason = reason;
        if !self.revoking {
            self.intent = None;
        }
        self.hinted_at = None;
        self.hold_until = None;
        if state == State::Disconnected && !self.revoking {
            self.forget_tokens();
        }
    }

    /// The tokens are of no use to anybody any more.
    pub(crate) fn forget_tokens(&mut self) {
        self.access = Sealed::default();
        self.refresh = Sealed::default();
        self.access_print.clear();
        self.refresh_print.clear();
        self.token_expires_at = None;
        self.intent = None;
        self.revoking = false;
    }
}
