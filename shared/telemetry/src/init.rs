//! Sets up logs and traces once, at the start of the program.

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

/// The format of logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One line an event, coloured on a terminal.
    #[default]
    Pretty,
    /// One JSON object an event.
    Json,
}

/// Settings of logs and traces.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The format of logs.
    pub format: Format,
    /// The log filter, for example `info` or `info,ingest=debug`.
    pub filter: String,
    /// The collector of traces (OTLP over HTTP, for example `http://127.0.0.1:4318/v1/traces`); without one they are
    /// not exported.
    pub otlp_endpoint: Option<String>,
    /// The service's name in traces.
    pub service: String,
}

/// The reason why logs or traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter cannot be parsed.
    #[error("the log filter {filter:?} is invalid")]
    Filter {
        /// The filter.
        filter: String,
        /// The error of the parser.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The exporter of traces could not be created.
    #[error("traces cannot be exported")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Logs were set up before.
    #[error("logs are already set up")]
    AlreadySetUp(#[from] tracing_subscriber::util::TryInitError),
}

/// Keeps the exporter of traces alive.
#[derive(Debug)]
pub struct Guard(SdkTracerProvider);

impl Guard {
    /// Sends the buffered spans and ends the exporter.
    pub fn shutdown(self) {
        // The collector may be unreachable; there is nothing left to do about it.
        let _ = self.0.shutdown();
    }
}

/// Sets up logs (to standard error) and traces. Spans have ids even if traces are not exported, so that
/// every event carries its trace context.
pub fn init(settings: &Settings) -> Result<Guard, InitError> {
    // Mutes the start-up lines of the web framework; the setting may name the target itself.
    let filter = EnvFilter::try_new(format!("actix_server=warn,{}", settings.filter))
        .map_err(|source| InitError::Filter { filter: settings.filter.clone(), source })?;
    let provider = create_provider(settings)?;
    // Trace context must not depend on the log filter: with `warn` no span would exist to carry it.
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

fn create_provider(settings: &Settings) -> Result<SdkTracerProvider, InitError> {
    let resource = Resource::builder().with_service_name(settings.service.clone()).build();
    let builder = SdkTracerProvider::builder().with_resource(resource);
    let Some(endpoint) = &settings.otlp_endpoint else {
        // Ids without recording: a span costs next to nothing unless it is exported.
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
