//! Starts each service: maps the program's settings and dependencies to the service's own.

use std::sync::Arc;

use anyhow::Context;
use lifecycle::Tasks;
use secrecy::ExposeSecret;
use service_kit::Service;
use strava_client::lease::LeaseClient;

use super::foundation::Foundation;
use super::running_service::RunningService;
use super::start_context::{Addresses, Start, StartContext};

pub(super) fn token(with: StartContext<'_>) -> Start<'_> {
    Box::pin(async move {
        let StartContext { foundation, addresses, tasks, erasure_services, .. } = with;
        let dependencies = token_dependencies(foundation, addresses, tasks, erasure_services);
        started(foundation, token::Service::start(dependencies).await)
    })
}

/// Opens the token service without running it, for commands.
///
/// # Errors
///
/// Fails if its database or its keys cannot be opened.
pub(crate) async fn open_token(
    foundation: &Foundation,
    addresses: &Addresses,
    erasure_services: &[String],
) -> anyhow::Result<token::Service> {
    let tasks = Tasks::new();
    let dependencies = token_dependencies(foundation, addresses, &tasks, erasure_services);
    Ok(token::Service::start(dependencies).await?)
}

fn token_dependencies(
    foundation: &Foundation,
    addresses: &Addresses,
    tasks: &Tasks,
    erasure_services: &[String],
) -> token::Dependencies {
    let mut settings = foundation.settings.token.clone();
    let strava = &foundation.settings.strava;
    settings.client_id = strava.client_id;
    settings.athlete_limit = strava.athlete_limit;
    settings.client_secret.clone_from(&strava.client_secret);
    settings.redirect_uri.clone_from(&strava.redirect_uri);
    settings.frontend_url.clone_from(&foundation.settings.server.frontend_url);
    settings.script_connects.get_or_insert(!addresses.reachable);
    settings.erasure_services = erasure_services.to_vec();
    settings.erasure_ledger = Some(foundation.erasure_ledger());
    let keys = settings.key_source(&crate::generated_secrets::folder(&foundation.data));
    token::Dependencies {
        database: foundation.database(token::Service::NAME),
        runtime: foundation.runtime.clone(),
        verifier: foundation.verifier.clone(),
        internal: foundation.credential.clone(),
        objects: foundation.objects.clone(),
        strava: foundation.strava.clone(),
        keys,
        public_url: addresses.public.clone(),
        tasks: tasks.clone(),
        settings,
    }
}

pub(super) fn ingest(with: StartContext<'_>) -> Start<'_> {
    Box::pin(async move {
        let StartContext { foundation, bus, addresses, erasure_services, .. } = with;
        let mut settings = foundation.settings.ingest.clone();
        let strava = &foundation.settings.strava;
        settings.application = strava.client_id.unwrap_or_default();
        settings.client_secret.clone_from(&strava.client_secret);
        settings.public_url = addresses.reachable.then(|| addresses.public.clone());
        settings.webhook_secret = Some(foundation.webhook_secret.expose_secret().into());
        settings.verify_token = Some(foundation.verify_token.expose_secret().into());
        settings.signature_key.clone_from(&strava.signature_key);
        settings.services = erasure_services.to_vec();
        settings.retention_days = strava.retention_days();
        settings.published_athlete = foundation.settings.stats.published_athlete;
        let dependencies = ingest::Dependencies {
            database: foundation.database(ingest::Service::NAME),
            runtime: foundation.runtime.clone(),
            bus: bus.clone(),
            verifier: foundation.verifier.clone(),
            objects: foundation.objects.clone(),
            strava: foundation.strava.clone(),
            leases: lease_client(foundation, addresses),
            settings,
        };
        started(foundation, ingest::Service::start(dependencies).await)
    })
}

pub(super) fn stats(with: StartContext<'_>) -> Start<'_> {
    Box::pin(async move {
        let StartContext { foundation, bus, .. } = with;
        let dependencies = stats::Dependencies {
            database: foundation.database(stats::Service::NAME),
            runtime: foundation.runtime.clone(),
            bus: bus.clone(),
            verifier: foundation.verifier.clone(),
            objects: foundation.objects.clone(),
            settings: foundation.settings.stats.clone(),
        };
        started(foundation, stats::Service::start(dependencies).await)
    })
}

pub(super) fn duplication(with: StartContext<'_>) -> Start<'_> {
    Box::pin(async move {
        let StartContext { foundation, bus, addresses, .. } = with;
        let mut settings = foundation.settings.duplication.clone();
        settings.retention_days = foundation.settings.strava.retention_days();
        let dependencies = duplication::Dependencies {
            database: foundation.database(duplication::Service::NAME),
            runtime: foundation.runtime.clone(),
            bus: bus.clone(),
            verifier: foundation.verifier.clone(),
            settings,
            objects: foundation.objects.clone(),
            strava: foundation.strava.clone(),
            leases: lease_client(foundation, addresses),
        };
        started(foundation, duplication::Service::start(dependencies).await)
    })
}

pub(super) fn identity(with: StartContext<'_>) -> Start<'_> {
    Box::pin(async move {
        started(with.foundation, open_identity(with.foundation, with.addresses).await)
    })
}

/// Opens local accounts, also beside a running program.
///
/// # Errors
///
/// Fails where another issuer is set, or if the database cannot be opened.
pub(crate) async fn open_identity(
    foundation: &Foundation,
    addresses: &Addresses,
) -> anyhow::Result<identity::Service> {
    let keys = foundation
        .local_keys
        .clone()
        .context("auth.issuer is set: accounts live with that issuer, not here")?;
    let dependencies = identity::Dependencies {
        database: foundation.database(identity::Service::NAME),
        runtime: foundation.runtime.clone(),
        keys,
        issuer: foundation.issuer(),
        verifier: foundation.verifier.clone(),
        objects: foundation.objects.clone(),
        secure: addresses.public.scheme() == "https",
        settings: foundation.settings.identity.clone(),
    };
    Ok(identity::Service::start(dependencies).await?)
}

fn started<S: Service, E: Into<anyhow::Error>>(
    foundation: &Foundation,
    outcome: Result<S, E>,
) -> anyhow::Result<Arc<dyn RunningService>> {
    let service = outcome.map_err(Into::into).with_context(|| {
        let target = foundation.database(S::NAME).target;
        format!("{} does not start with {target}", S::NAME)
    })?;
    Ok(Arc::new(service))
}

fn lease_client(foundation: &Foundation, addresses: &Addresses) -> LeaseClient {
    let credential = foundation.credential.secret().clone();
    LeaseClient::new(addresses.token.clone(), credential, foundation.http.clone())
}
