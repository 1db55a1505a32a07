//! Turns logs and traces on, once, at the start of the program.

use std::io::IsTerminal;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people: one line each, coloured on a terminal.
    #[default]
    Pretty,
    /// For machines: one JSON object each.
    Json,
}

/// What is logged, how, and where traces go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How logs look.
    pub format: Format,
    /// What is logged: `info`, or `info,ingest=debug`.
    pub filter: String,
    /// Where traces are sent (OTLP over HTTP, for example `http://127.0.0.1:4318/v1/traces`); nowhere when none.
    pub otlp_endpoint: Option<String>,
    /// The service's name in traces.
    pub service: String,
}

/// Why logs or traces could not be turned on.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter is not understood.
    #[error("the log filter {filter:?} is not understood")]
    Filter {
        /// What was given.
        filter: String,
        /// Why it is not understood.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The exporter of traces cannot be built.
    #[error("traces cannot be exported")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Somebody turned logs on before.
    #[error("logs are on already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Keeps the exporter alive; flushes it when told.
#[derive(Debug)]
pub struct Guard(SdkTracerProvider);

impl Guard {
    /// Sends what is still held and ends the exporter.
    pub fn shutdown(self) {
        // The collector may be gone; nothing is left to tell.
        let _ = self.0.shutdown();
    }
}

/// Turns logs (to standard error) and traces on. Spans have ids also when traces go nowhere, so that
/// trace context travels with every event.
pub fn init(settings: &Settings) -> Result<Guard, InitError> {
    // Mutes the start-up lines of the web framework; the setting may name the target itself.
    let filter = EnvFilter::try_new(format!("actix_server=warn,{}", settings.filter))
        .map_err(|source| InitError::Filter { filter: settings.filter.clone(), source })?;
    let provider = provider(settings)?;
    // Trace context must not depend on what is logged: with `warn` no span would exist to carry it.
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("paceline"))
        .with_filter(LevelFilter::INFO);
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let logs = match settings.format {
        Format::Pretty => {
            logs.with_ansi(std::io::stderr().is_terminal()).with_target(false).boxed()
        }
        Format::Json => logs.json().flatten_event(true).with_current_span(false).boxed(),
    };
    tracing_subscriber::registry().with(traces).with(logs.with_filter(filter)).try_init()?;
    Ok(Guard(provider))
}

fn provider(settings: &Settings) -> Result<SdkTracerProvider, InitError> {
    let resource = Resource::builder().with_service_name(settings.service.clone()).build();
    let builder = SdkTracerProvider::builder().with_resource(resource);
    let Some(endpoint) = &settings.otlp_endpoint else {
        // Ids without recording: a span costs next to nothing when nobody collects it.
        return Ok(builder
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)))
            .build());
    };
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint.clone())
        .build()?;
    Ok(builder.with_batch_exporter(exporter).build())
}
