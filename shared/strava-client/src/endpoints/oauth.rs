//! OAuth: the authorize address, the exchange of a code, the refresh, the end.

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

/// What a code was exchanged for.
#[derive(Clone, Debug)]
pub struct ExchangedTokens {
    /// For the next six hours.
    pub access_token: AccessToken,
    /// For the next access token.
    pub refresh_token: RefreshToken,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// What was granted; older answers lack it, then the callback's `scope` holds.
    pub scopes: Option<Vec<String>>,
    /// Who granted it.
    pub athlete: AthleteSummary,
}

/// What a refresh token was exchanged for. Both tokens may be the ones that were there before.
#[derive(Clone, Debug)]
pub struct RefreshedTokens {
    /// For the time that is left.
    pub access_token: AccessToken,
    /// The one to keep from now on.
    pub refresh_token: RefreshToken,
    /// When the access token ends.
    pub expires_at: Timestamp,
}

/// What Strava adds to a token answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Extras {
    #[serde(default, deserialize_with = "lenient::whole")]
    expires_at: Option<i64>,
    #[serde(default)]
    athlete: Option<AthleteSummary>,
}

impl oauth2::ExtraTokenFields for Extras {}

type TokenAnswer = StandardTokenResponse<Extras, BasicTokenType>;
type OAuth = oauth2::Client<
    BasicErrorResponse,
    TokenAnswer,
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
    /// Where the athlete is sent to grant these scopes.
    pub fn authorize_url(
        &self,
        application: ApplicationId,
        redirect_uri: &Url,
        scopes: &[&str],
        state: &str,
    ) -> Url {
        let (url, _state) = self
            .oauth(application)
            .set_redirect_uri(RedirectUrl::from_url(redirect_uri.clone()))
            .authorize_url(|| CsrfToken::new(state.to_owned()))
            // Strava joins scopes by commas, the standard by spaces: handed over as one.
            .add_scope(Scope::new(scopes.join(",")))
            .add_extra_param("approval_prompt", "auto")
            .url();
        url
    }

    /// Exchanges the code of a callback; it works once.
    pub async fn exchange_code(
        &self,
        app: &AppCredentials,
        code: &str,
    ) -> Result<ApiResponse<ExchangedTokens>, StravaError> {
        let carrier = Carrier { client: self, date: Mutex::new(None) };
        let client = self.oauth_with_secret(app);
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .request_async(&carrier)
            .await
            .map_err(refused)?;
        let date = carrier.date();
        token_answer(date).try_map(|()| exchanged(&answer, date))
    }

    /// Asks for an access token that lives on. Whoever calls this holds the connection's refresh:
    /// two at once can strand it.
    pub async fn refresh_tokens(
        &self,
        app: &AppCredentials,
        refresh_token: &RefreshToken,
    ) -> Result<ApiResponse<RefreshedTokens>, StravaError> {
        let carrier = Carrier { client: self, date: Mutex::new(None) };
        let client = self.oauth_with_secret(app);
        let token = oauth2::RefreshToken::new(refresh_token.expose().to_owned());
        let answer =
            client.exchange_refresh_token(&token).request_async(&carrier).await.map_err(refused)?;
        let date = carrier.date();
        token_answer(date).try_map(|()| refreshed(&answer, date))
    }

    /// Ends every token of this athlete for this application; an unknown token answers the same.
    pub async fn revoke_tokens(
        &self,
        app: &AppCredentials,
        token: &RefreshToken,
    ) -> Result<ApiResponse<()>, StravaError> {
        let call = self
            .request(Method::POST, self.base_urls().oauth("revoke"))
            .basic_auth(app.client_id, Some(app.client_secret.expose_secret()))
            .form(&[("token", token.expose()), ("token_type_hint", "refresh_token")]);
        Ok(self.send(Endpoint::Token, call).await?.map(drop))
    }

    fn oauth(&self, application: ApplicationId) -> OAuth {
        oauth2::Client::new(ClientId::new(application.to_string()))
            .set_auth_uri(AuthUrl::from_url(self.base_urls().oauth("authorize")))
            .set_token_uri(TokenUrl::from_url(self.base_urls().oauth("token")))
            .set_auth_type(AuthType::RequestBody)
    }

    fn oauth_with_secret(&self, app: &AppCredentials) -> OAuth {
        self.oauth(app.client_id)
            .set_client_secret(ClientSecret::new(app.client_secret.expose_secret().to_owned()))
    }
}

/// Carries requests of the `oauth2` crate over our own client; refusals are classified here, while
/// the status is still known.
struct Carrier<'a> {
    client: &'a Client,
    /// When Strava answered.
    date: Mutex<Option<Timestamp>>,
}

impl Carrier<'_> {
    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, StravaError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string())
            .map_err(|error| StravaError::unanswered(format!("no address: {error}")))?;
        let request = self.client.request(parts.method, url).headers(parts.headers).body(body);
        let answer = self.client.send(Endpoint::Token, request).await?;
        *self.date.lock().unwrap_or_else(PoisonError::into_inner) = answer.date;
        Ok(HttpResponse::new(answer.body))
    }

    fn date(&self) -> Option<Timestamp> {
        *self.date.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'c> AsyncHttpClient<'c> for Carrier<'_> {
    type Error = StravaError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, StravaError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.carry(request))
    }
}

fn token_answer(date: Option<Timestamp>) -> ApiResponse<()> {
    ApiResponse { body: (), limits: None, date, status: 200 }
}

fn exchanged(answer: &TokenAnswer, date: Option<Timestamp>) -> Result<ExchangedTokens, ErrorKind> {
    let RefreshedTokens { access_token, refresh_token, expires_at } = refreshed(answer, date)?;
    let athlete = answer
        .extra_fields()
        .athlete
        .clone()
        .ok_or_else(|| ErrorKind::Unexpected("no athlete".to_owned()))?;
    let scopes = answer.scopes().map(|scopes| {
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

fn refreshed(answer: &TokenAnswer, date: Option<Timestamp>) -> Result<RefreshedTokens, ErrorKind> {
    let refresh_token = answer
        .refresh_token()
        .ok_or_else(|| ErrorKind::Unexpected("no refresh token".to_owned()))?;
    let by_lifetime = || date.zip(answer.expires_in()).map(|(date, lifetime)| date.plus(lifetime));
    let expires_at = answer
        .extra_fields()
        .expires_at
        .map(Timestamp::from_secs)
        .or_else(by_lifetime)
        .ok_or_else(|| ErrorKind::Unexpected("no expires_at".to_owned()))?;
    Ok(RefreshedTokens {
        access_token: AccessToken::new(answer.access_token().secret().clone()),
        refresh_token: RefreshToken::new(refresh_token.secret().clone()),
        expires_at,
    })
}

/// The crate's error in our words. The body of an answer that could not be read may hold tokens:
/// it goes no further.
fn refused(error: RequestTokenError<StravaError, BasicErrorResponse>) -> StravaError {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::ServerResponse(_) | RequestTokenError::Other(_) => {
            StravaError::unanswered("the token answer is empty")
        }
        RequestTokenError::Parse(_, _) => {
            StravaError::unanswered("the token answer is no whole JSON")
        }
    }
}
