//! `/v1/links/invitations`: an athlete invites whoever is told the code.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use auth::SignedIn;
use http_kit::{Json, Page, Path, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::errors;
use crate::domain::invitation::Invitation;
use crate::domain::link::LinkRole;
use crate::usecases::create_invitation::{CreateInvitation, OfferedTerms, create_invitation};
use crate::usecases::revoke_invitation::revoke_invitation;
use crate::usecases::{ServiceContext, queries};

/// An invitation to a link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationBody {
    /// Role the caller takes: `guardian` or `child`.
    #[schema(pattern = "^(guardian|child)$")]
    role: String,
    /// Name the other side is shown: 1 to 80 characters.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// Only of a guardian, who must say them: activities whose title contains one of these as a whole word are
    /// copied. 1 to 20 names of 1 to 80 characters.
    names: Option<Vec<String>>,
    /// Only of a guardian: true to include their heart rate in the copies.
    share_heart_rate: Option<bool>,
}

/// An open invitation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitationView {
    /// Its id.
    id: Uuid,
    /// The code that redeems it, once; shown only now.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Role the inviter takes: `guardian` or `child`.
    role: &'static str,
    /// Name the other side is shown.
    name: String,
    /// The names that titles are searched for, in a guardian's invitation.
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<Vec<String>>,
    /// True if the copies include heart rate, in a guardian's invitation.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_heart_rate: Option<bool>,
    /// Instant of the invitation (RFC 3339).
    created_at: String,
    /// Instant from which it cannot be redeemed any more.
    expires_at: String,
}

impl InvitationView {
    pub(crate) fn new(invitation: &Invitation, code: Option<String>) -> Self {
        let terms = invitation.terms.as_ref();
        Self {
            id: invitation.id,
            code,
            role: invitation.role.as_str(),
            name: invitation.name.as_str().to_owned(),
            names: terms.map(|terms| terms.names.as_slice().to_vec()),
            share_heart_rate: terms.map(|terms| terms.share_heart_rate),
            created_at: invitation.created_at.to_rfc3339(),
            expires_at: invitation.expires_at.to_rfc3339(),
        }
    }
}

/// Creates an invitation. Its code is shown only in this answer.
#[utoipa::path(post, path = "/v1/links/invitations", tag = "links", request_body = InvitationBody, responses(
    (status = 201, description = "created", body = InvitationView, headers(("Location" = String, description = "where the invitation is revoked"))),
    (status = 401, description = "not signed in"),
    (status = 409, description = "there are too many open invitations of yours"),
    (status = 422, description = "a field is not as it should be"),
))]
pub(crate) async fn create(
    caller: SignedIn,
    ctx: Data<ServiceContext>,
    Json(body): Json<InvitationBody>,
) -> Result<HttpResponse, Problem> {
    let role = LinkRole::parse(&body.role)
        .ok_or_else(|| errors::invalid_field("role", "must be guardian or child"))?;
    let command = CreateInvitation {
        inviter: caller.athlete(),
        role,
        name: body.name,
        terms: OfferedTerms { names: body.names, share_heart_rate: body.share_heart_rate },
    };
    let (invitation, code) = create_invitation(&ctx, &command).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/v1/links/invitations/{}", invitation.id)))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(InvitationView::new(&invitation, Some(code.to_text()))))
}

/// The open invitations of the caller, without their codes.
#[utoipa::path(get, path = "/v1/links/invitations", tag = "links", responses(
    (status = 200, description = "as it now is", body = Page<InvitationView>),
    (status = 401, description = "not signed in"),
))]
pub(crate) async fn list(
    caller: SignedIn,
    ctx: Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    let open =
        queries::list_invitations(&ctx, caller.athlete()).await.map_err(errors::store_problem)?;
    let items = open.iter().map(|invitation| InvitationView::new(invitation, None)).collect();
    Ok(HttpResponse::Ok().json(Page::<InvitationView> { items, next: None }))
}

/// Revokes an invitation: its code redeems nothing any more.
#[utoipa::path(delete, path = "/v1/links/invitations/{id}", tag = "links", params(("id" = Uuid, Path)), responses(
    (status = 204, description = "it is revoked"),
    (status = 404, description = "there is no such open invitation of yours"),
))]
pub(crate) async fn revoke(
    caller: SignedIn,
    ctx: Data<ServiceContext>,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let revoked =
        revoke_invitation(&ctx, caller.athlete(), id).await.map_err(errors::store_problem)?;
    if revoked { Ok(HttpResponse::NoContent().finish()) } else { Err(Problem::not_found()) }
}
