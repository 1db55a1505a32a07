//! The running program beside a command: found and asked over its operations port.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use http_kit::Version;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use crate::compose::data_dir;
use crate::generated_secrets;
use crate::settings::LoadedSettings;

/// Time limit for finding the program.
const FIND_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit of a call; the doctor reads whole databases.
const CALL_TIMEOUT: Duration = Duration::from_mins(30);

/// The program that runs on this machine, as far as it can be found.
pub(crate) enum Beside {
    /// It runs, and takes our credential.
    Program(OpsClient),
    /// It runs, and refuses our credential; or it is another installation's.
    Stranger(Url),
    /// Nothing runs at this address.
    Nothing(Url),
}

/// A client of the operations port.
pub(crate) struct OpsClient {
    pub(crate) address: Url,
    pub(crate) version: Version,
    credential: SecretString,
}

/// The operations port of the program that these settings and this data directory belong to: as told, else as the
/// program noted it in the data directory, else the default.
pub(crate) fn ops_address(loaded: &LoadedSettings) -> anyhow::Result<Url> {
    let mut listen = loaded.settings.server.ops_listen;
    let key = "server.ops_listen";
    let is_default = loaded.lines.iter().any(|it| it.key == key && it.source == "default");
    if (is_default || listen.port() == 0)
        && let Some(noted) = data_dir::recorded_ops_address(&loaded.settings.data.dir)
    {
        return Ok(noted);
    }
    if listen.ip().is_unspecified() {
        listen.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Ok(Url::parse(&format!("http://{listen}/"))?)
}

/// Finds the running program.
pub(crate) async fn find(loaded: &LoadedSettings) -> anyhow::Result<Beside> {
    let address = ops_address(loaded)?;
    let Some(version) = fetch_version(&address).await? else {
        return Ok(Beside::Nothing(address));
    };
    let settings = &loaded.settings;
    let Some(credential) =
        find_credential(settings.internal.credential.as_ref(), &settings.data.dir)
    else {
        return Ok(Beside::Stranger(address));
    };
    let client = OpsClient { address, version, credential };
    match client.send(Method::GET, "program").await?.status() {
        StatusCode::OK => Ok(Beside::Program(client)),
        _ => Ok(Beside::Stranger(client.address)),
    }
}

async fn fetch_version(address: &Url) -> anyhow::Result<Option<Version>> {
    let request = telemetry::http_client(FIND_TIMEOUT)?.get(address.join("version")?);
    let Ok(response) = request.send().await else { return Ok(None) };
    let version: Option<Version> = response.json().await.ok();
    Ok(version.filter(|version| version.name == crate::program::NAME))
}

fn find_credential(given: Option<&SecretString>, data: &Path) -> Option<SecretString> {
    given.cloned().or_else(|| generated_secrets::load(data, generated_secrets::INTERNAL_CREDENTIAL))
}

/// Finds the running program, which alone can do this.
///
/// # Errors
///
/// Fails with what to do where none runs.
pub(crate) async fn require(loaded: &LoadedSettings) -> anyhow::Result<OpsClient> {
    match find(loaded).await? {
        Beside::Program(client) => Ok(client),
        Beside::Stranger(address) => anyhow::bail!(
            "the program at {address} does not take this credential: give its --data-dir, or set internal.credential"
        ),
        Beside::Nothing(address) => anyhow::bail!(
            "no program answers at {address}: start it with `paceline up`, or give its --data-dir and --ops-listen"
        ),
    }
}

impl OpsClient {
    /// Fetches an answer below `/internal/v1/`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        Ok(accept(self.send(Method::GET, path).await?).await?.json().await?)
    }

    /// Fetches an answer, or nothing where there is none.
    pub(crate) async fn find<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Option<T>> {
        let response = self.send(Method::GET, path).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            _ => Ok(Some(accept(response).await?.json().await?)),
        }
    }

    /// Acts on something; false where there is no such thing.
    pub(crate) async fn act(&self, method: Method, path: &str) -> anyhow::Result<bool> {
        let response = self.send(method, path).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            _ => accept(response).await.map(|_done| true),
        }
    }

    async fn send(&self, method: Method, path: &str) -> anyhow::Result<reqwest::Response> {
        let url = self.address.join("internal/v1/")?.join(path)?;
        let request = telemetry::http_client(CALL_TIMEOUT)?
            .request(method, url)
            .bearer_auth(self.credential.expose_secret());
        request
            .send()
            .await
            .with_context(|| format!("the program at {} does not answer", self.address))
    }
}

/// Turns a problem document into an error.
async fn accept(response: reqwest::Response) -> anyhow::Result<reqwest::Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let told = problem["detail"].as_str().or(problem["title"].as_str());
    anyhow::bail!("the program answers {status}: {}", told.unwrap_or(&text))
}
