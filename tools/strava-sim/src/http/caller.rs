//! The caller of an API call, as its token says.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::response::Fault;
use crate::world::{ReadAccess, Scopes};

/// Application, athlete and scopes of the token that came with the call.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) app: i64,
    pub(crate) athlete: i64,
    pub(crate) scopes: Scopes,
}

impl Caller {
    /// Refuses the call without a scope.
    pub(crate) fn require(&self, scope: &str, permission: &str) -> Result<(), Fault> {
        if self.scopes.has(scope) {
            return Ok(());
        }
        Err(Fault::scope_missing(permission))
    }

    /// The access to activities; refuses the call if there is none.
    pub(crate) fn read_access(&self) -> Result<ReadAccess, Fault> {
        let missing = || Fault::scope_missing("activity:read_permission");
        self.scopes.activity_access().ok_or_else(missing)
    }

    /// Refuses the call without the right to write activities.
    pub(crate) fn require_write(&self) -> Result<(), Fault> {
        self.require("activity:write", "activity:write_permission")
    }
}

impl FromRequest for Caller {
    type Error = Fault;
    type Future = Ready<Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or_else(Fault::invalid_token))
    }
}
