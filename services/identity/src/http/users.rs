//! `/v1/admin/users`: accounts, for administrators. No athlete's data is shown here.

use actix_web::HttpResponse;
use actix_web::web::Data;
use auth::{Admin, Require};
use http_kit::{Json, Path, Problem};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Doors, errors};
use crate::domain::account::{Account, Email};
use crate::usecases::add_user::{self, AddUser};
use crate::usecases::{list_users, remove_user};

/// Who shall have an account.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewUser {
    email: String,
    #[serde(default)]
    admin: bool,
    /// One is made up, and told once, when none is given.
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
    /// Only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

fn view(account: &Account, password: Option<&SecretString>) -> User {
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
pub(crate) async fn list(_: Require<Admin>, doors: Data<Doors>) -> Result<HttpResponse, Problem> {
    let accounts = list_users::list_users(&doors.core).await.map_err(errors::store)?;
    Ok(HttpResponse::Ok()
        .json(accounts.iter().map(|account| view(account, None)).collect::<Vec<_>>()))
}

/// Adds an account.
#[utoipa::path(post, path = "/v1/admin/users", tag = "identity", request_body = NewUser, responses(
    (status = 201, body = User), (status = 409, description = "email-taken"), (status = 422)))]
pub(crate) async fn add(
    _: Require<Admin>,
    doors: Data<Doors>,
    Json(body): Json<NewUser>,
) -> Result<HttpResponse, Problem> {
    let command = AddUser { email: body.email, admin: body.admin, password: body.password };
    let (account, password) =
        add_user::add_user(&doors.core, command).await.map_err(errors::adding)?;
    Ok(HttpResponse::Created().json(view(&account, Some(&password))))
}

/// Removes an account; the training data stays until it is erased.
#[utoipa::path(delete, path = "/v1/admin/users/{email}", tag = "identity", responses((status = 204), (status = 404)))]
pub(crate) async fn remove(
    _: Require<Admin>,
    doors: Data<Doors>,
    Path(email): Path<String>,
) -> Result<HttpResponse, Problem> {
    let email: Email = email.parse().map_err(|fault| Problem::invalid().field("email", fault))?;
    let there_was = remove_user::remove_user(&doors.core, &email).await.map_err(errors::store)?;
    if there_was { Ok(HttpResponse::NoContent().finish()) } else { Err(Problem::not_found()) }
}
