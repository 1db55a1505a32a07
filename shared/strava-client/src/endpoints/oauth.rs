//! OAuth: the authorize URL, and the exchange, refresh and revocation of tokens.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use kernel::{ApplicationId, Timestamp};
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, RedirectUrl, RequestTokenError, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::{Endpoint, ErrorKind, StravaError};
use crate::model::{AthleteSummary, lenient};
use crate::secret::{AccessToken, AppCredentials, RefreshToken};
use crate::{ApiResponse, Client};

/// The tokens that a code was exchanged for.
#[derive(Clone, Debug)]
pub struct ExchangedTokens {
    /// Access token, valid for six hours.
    pub access_token: AccessToken,
    /// Refresh token.
    pub refresh_token: RefreshToken,
    /// Expiry of the access token.
    pub expires_at: Timestamp,
    /// Granted scopes; older responses lack them, then the `scope` of the callback applies.
    pub scopes: Option<Vec<String>>,
    /// The athlete who granted access.
    pub athlete: AthleteSummary,
}

/// The tokens that a refresh token was exchanged for. Both may be unchanged.
#[derive(Clone, Debug)]
pub struct RefreshedTokens {
    /// Access token, valid until `expires_at`.
    pub access_token: AccessToken,
    /// Refresh token that replaces the one used.
    pub refresh_token: RefreshToken,
    /// Expiry of the access token.
    pub expires_at: Timestamp,
}

/// Members that Strava adds to a token response.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ExtraFields {
    #[serde(default, deserialize_with = "lenient::integer")]
    expires_at: Option<i64>,
    #[serde(default)]
    athlete: Option<AthleteSummary>,
}

impl oauth2::ExtraTokenFields for ExtraFields {}

type OAuthTokenResponse = StandardTokenResponse<ExtraFields, BasicTokenType>;
type OAuthClient = oauth2::Client<
    BasicErrorResponse,
    OAuthTokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

impl Client {
    /// Returns the URL of the consent page for these scopes.
    pub fn authorize_url(
        &self,
        application: ApplicationId,
        redirect_uri: &Url,
        scopes: &[&str],
        state: &str,
    ) -> Url {
        let (url, _state) = self
            .oauth_client(application)
            .set_redirect_uri(RedirectUrl::from_url(redirect_uri.clone()))
            .authorize_url(|| CsrfToken::new(state.to_owned()))
            // Strava joins scopes by commas, the standard by spaces: passed as one scope.
            .add_scope(Scope::new(scopes.join(",")))
            .add_extra_param("approval_prompt", "auto")
            .url();
        url
    }

    /// Exchanges the code of a callback for tokens. A code is valid once.
    pub async fn exchange_code(
        &self,
        app: &AppCredentials,
        code: &str,
    ) -> Result<ApiResponse<ExchangedTokens>, StravaError> {
        let transport = Transport { client: self, date: Mutex::new(None) };
        let client = self.oauth_client_with_secret(app);
        let response = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .request_async(&transport)
            .await
            .map_err(map_oauth_error)?;
        let date = transport.date();
        token_response(date).try_map(|()| parse_exchanged(&response, date))
    }

    /// Exchanges a refresh token for tokens. Two concurrent refreshes of a connection can invalidate
    /// both results: the caller must hold its refresh lock.
    pub async fn refresh_tokens(
        &self,
        app: &AppCredentials,
        refresh_token: &RefreshToken,
    ) -> Result<ApiResponse<RefreshedTokens>, StravaError> {
        let transport = Transport { client: self, date: Mutex::new(None) };
        let client = self.oauth_client_with_secret(app);
        let token = oauth2::RefreshToken::new(refresh_token.expose().to_owned());
        let response = client
            .exchange_refresh_token(&token)
            .request_async(&transport)
            .await
            .map_err(map_oauth_error)?;
        let date = transport.date();
        token_response(date).try_map(|()| parse_refreshed(&response, date))
    }

    /// Revokes all tokens of this athlete for this application. An unknown token gets the same response.
    pub async fn revoke_tokens(
        &self,
        app: &AppCredentials,
        token: &RefreshToken,
    ) -> Result<ApiResponse<()>, StravaError> {
        let call = self
            .request(Method::POST, self.base_urls().oauth_url("revoke"))
            .basic_auth(app.client_id, Some(app.client_secret.expose_secret()))
            .form(&[("token", token.expose()), ("token_type_hint", "refresh_token")]);
        Ok(self.send(Endpoint::Token, call).await?.map(drop))
    }

    fn oauth_client(&self, application: ApplicationId) -> OAuthClient {
        oauth2::Client::new(ClientId::new(application.to_string()))
            .set_auth_uri(AuthUrl::from_url(self.base_urls().oauth_url("authorize")))
            .set_token_uri(TokenUrl::from_url(self.base_urls().oauth_url("token")))
            .set_auth_type(AuthType::RequestBody)
    }

    fn oauth_client_with_secret(&self, app: &AppCredentials) -> OAuthClient {
        self.oauth_client(app.client_id)
            .set_client_secret(ClientSecret::new(app.client_secret.expose_secret().to_owned()))
    }
}

/// Carries requests of the `oauth2` crate over our own client; refusals are classified here, while
/// the status is still known.
struct Transport<'a> {
    client: &'a Client,
    /// Server time of the response.
    date: Mutex<Option<Timestamp>>,
}

impl Transport<'_> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, StravaError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string())
            .map_err(|error| StravaError::unanswered(format!("invalid URL: {error}")))?;
        let request = self.client.request(parts.method, url).headers(parts.headers).body(body);
        let response = self.client.send(Endpoint::Token, request).await?;
        *self.date.lock().unwrap_or_else(PoisonError::into_inner) = response.date;
        Ok(HttpResponse::new(response.body))
    }

    fn date(&self) -> Option<Timestamp> {
        *self.date.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'c> AsyncHttpClient<'c> for Transport<'_> {
    type Error = StravaError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, StravaError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

fn token_response(date: Option<Timestamp>) -> ApiResponse<()> {
    ApiResponse { body: (), limits: None, date, status: 200 }
}

fn parse_exchanged(
    response: &OAuthTokenResponse,
    date: Option<Timestamp>,
) -> Result<ExchangedTokens, ErrorKind> {
    let RefreshedTokens { access_token, refresh_token, expires_at } =
        parse_refreshed(response, date)?;
    let athlete = response
        .extra_fields()
        .athlete
        .clone()
        .ok_or_else(|| ErrorKind::Unexpected("no athlete".to_owned()))?;
    let scopes = response.scopes().map(|scopes| {
        scopes
            .iter()
            .flat_map(|scope| scope.split(','))
            .map(str::trim)
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect()
    });
    Ok(ExchangedTokens { access_token, refresh_token, expires_at, scopes, athlete })
}

fn parse_refreshed(
    response: &OAuthTokenResponse,
    date: Option<Timestamp>,
) -> Result<RefreshedTokens, ErrorKind> {
    let refresh_token = response
        .refresh_token()
        .ok_or_else(|| ErrorKind::Unexpected("no refresh token".to_owned()))?;
    let from_lifetime =
        || date.zip(response.expires_in()).map(|(date, lifetime)| date.plus(lifetime));
    let expires_at = response
        .extra_fields()
        .expires_at
        .map(Timestamp::from_secs)
        .or_else(from_lifetime)
        .ok_or_else(|| ErrorKind::Unexpected("no expires_at".to_owned()))?;
    Ok(RefreshedTokens {
        access_token: AccessToken::new(response.access_token().secret().clone()),
        refresh_token: RefreshToken::new(refresh_token.secret().clone()),
        expires_at,
    })
}

/// Maps an error of the `oauth2` crate. The body of an unreadable response may hold tokens: it is
/// dropped.
fn map_oauth_error(error: RequestTokenError<StravaError, BasicErrorResponse>) -> StravaError {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::ServerResponse(_) | RequestTokenError::Other(_) => {
            StravaError::unanswered("the token response is empty")
        }
        RequestTokenError::Parse(_, _) => {
            StravaError::unanswered("the token response is truncated or not JSON")
        }
    }
}
