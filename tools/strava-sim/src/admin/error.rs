//! The error answer of the admin interface, and the merge of settings.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

/// The result of an admin call.
pub(super) type AdminResult = Result<HttpResponse, AdminError>;

/// An admin call that cannot be carried out.
#[derive(Debug, Serialize, thiserror::Error, ToSchema)]
#[error("{error}")]
pub(crate) struct AdminError {
    #[serde(skip)]
    status: u16,
    /// The reason.
    error: String,
}

impl AdminError {
    /// 422.
    pub(super) fn invalid(error: impl ToString) -> Self {
        Self { status: 422, error: error.to_string() }
    }

    /// 404.
    pub(super) fn not_found(what: &str) -> Self {
        Self { status: 404, error: format!("no such {what}") }
    }
}

impl ResponseError for AdminError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(self)
    }
}

/// Replaces the fields of settings that a patch names.
pub(super) fn merge_settings<T: Serialize + DeserializeOwned>(
    old: &T,
    patch: &Value,
) -> Result<T, AdminError> {
    let mut value = serde_json::to_value(old).map_err(AdminError::invalid)?;
    let (Some(fields), Some(new)) = (value.as_object_mut(), patch.as_object()) else {
        return Err(AdminError::invalid("expected an object"));
    };
    for (key, value) in new {
        if fields.insert(key.clone(), value.clone()).is_none() {
            return Err(AdminError::invalid(format!("unknown field {key}")));
        }
    }
    serde_json::from_value(value).map_err(AdminError::invalid)
}
