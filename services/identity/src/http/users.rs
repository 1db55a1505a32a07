//! `/v1/admin/users`: accounts, for administrators; no athlete's data is shown.

use actix_web::HttpResponse;
use actix_web::web::Data;
use auth::{Admin, Require};
use http_kit::{Json, Path, Problem};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HttpState, errors};
use crate::domain::account::{Account, Email};
use crate::usecases::add_user::{self, AddUser};
use crate::usecases::{list_users, remove_user, set_role};

/// An account to add.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewUser {
    #[schema(format = Email, min_length = 3, max_length = 254)]
    email: String,
    #[serde(default)]
    admin: bool,
    /// One is generated, and returned once, if none is given.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    athlete: String,
    email: String,
    admin: bool,
    created_at: String,
    /// Only in the response that created the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

fn to_body(account: &Account, password: Option<&SecretString>) -> User {
    User {
        athlete: account.athlete.to_string(),
        email: account.email.clone(),
        admin: account.admin,
        created_at: account.created_at.to_rfc3339(),
        password: password.map(|password| password.expose_secret().to_owned()),
    }
}

/// Lists the accounts.
#[utoipa::path(get, path = "/v1/admin/users", tag = "identity", responses((status = 200, body = [User]), (status = 403)))]
pub(crate) async fn list(
    _: Require<Admin>,
    state: Data<HttpState>,
) -> Result<HttpResponse, Problem> {
    let accounts = list_users::list_users(&state.ctx).await.map_err(errors::from_store)?;
    Ok(HttpResponse::Ok()
        .json(accounts.iter().map(|account| to_body(account, None)).collect::<Vec<_>>()))
}

/// Adds an account.
#[utoipa::path(post, path = "/v1/admin/users", tag = "identity", request_body = NewUser, responses(
    (status = 201, body = User), (status = 409, description = "email-taken"), (status = 422)))]
pub(crate) async fn add(
    _: Require<Admin>,
    state: Data<HttpState>,
    Json(body): Json<NewUser>,
) -> Result<HttpResponse, Problem> {
    let command = AddUser { email: body.email, admin: body.admin, password: body.password };
    let (account, password) =
        add_user::add_user(&state.ctx, command).await.map_err(errors::from_add_user)?;
    Ok(HttpResponse::Created().json(to_body(&account, Some(&password))))
}

/// The change of an account.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RoleChange {
    /// True: an administrator from now on. False: a user, signed out everywhere.
    admin: bool,
}

/// Changes the role of an account.
#[utoipa::path(patch, path = "/v1/admin/users/{email}", tag = "identity", request_body = RoleChange, responses(
    (status = 204), (status = 404), (status = 409, description = "last-admin"), (status = 422)))]
pub(crate) async fn set_role(
    _: Require<Admin>,
    state: Data<HttpState>,
    Path(email): Path<String>,
    Json(change): Json<RoleChange>,
) -> Result<HttpResponse, Problem> {
    let email = parse_email(&email)?;
    set_role::set_role(&state.ctx, &email, change.admin).await.map_err(errors::from_set_role)?;
    Ok(HttpResponse::NoContent().finish())
}

fn parse_email(text: &str) -> Result<Email, Problem> {
    text.parse().map_err(|invalid| Problem::invalid().field("email", invalid))
}

/// Removes an account. Its sessions end, its connections are revoked, and all data of the athlete is erased.
#[utoipa::path(delete, path = "/v1/admin/users/{email}", tag = "identity", responses(
    (status = 204), (status = 404), (status = 409, description = "last-admin")))]
pub(crate) async fn remove(
    _: Require<Admin>,
    state: Data<HttpState>,
    Path(email): Path<String>,
) -> Result<HttpResponse, Problem> {
    let email = parse_email(&email)?;
    let removed =
        remove_user::remove_user(&state.ctx, &email).await.map_err(errors::from_remove_user)?;
    if removed { Ok(HttpResponse::NoContent().finish()) } else { Err(Problem::not_found()) }
}
