//! The ways between this installation and Strava: the public address, the webhook, the API, and the clocks.

use std::time::Duration;

use anyhow::{Context, bail};
use chrono::DateTime;
use kernel::{ApplicationId, Clock, SystemClock, Timestamp};
use secrecy::ExposeSecret;
use serde::Deserialize;
use service_kit::Service as _;
use strava_client::AppCredentials;
use url::Url;

use super::RunningProgram;
use super::finding::{Finding, fault, ok, warning};
use crate::settings::Settings;

const PUBLIC_ADDRESS: &str = "public address";
const CALLBACK: &str = "webhook callback";
const SUBSCRIPTION: &str = "webhook subscription";
/// Time limit of each request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Difference of the clocks from which on leases and sessions may end early.
const SKEW: Duration = Duration::from_secs(10);
/// Difference of the clocks from which on tokens are refused.
const MAX_SKEW: Duration = Duration::from_mins(2);

/// The public address as the settings have it, where no program runs that could answer there.
pub(super) fn configured_address(settings: &Settings) -> Finding {
    match &settings.server.public_url {
        Some(url) => ok(PUBLIC_ADDRESS, format!("{url}: is tested while the program runs")),
        None => no_address(),
    }
}

fn no_address() -> Finding {
    warning(
        PUBLIC_ADDRESS,
        "not set: new activities are found by polling hourly, not at once",
        "give --public-url once Strava can reach you",
    )
}

/// Calls the program by its public address: its description, and the webhook as Strava does. Compares the
/// subscription.
pub(super) async fn check_public_address(program: RunningProgram<'_>) -> Vec<Finding> {
    let Some(public) = &program.foundation.settings.server.public_url else {
        return vec![no_address()];
    };
    let mut findings = vec![match find_program(public).await {
        Ok(()) => ok(PUBLIC_ADDRESS, format!("{public}: answers as this program")),
        Err(error) => warning(
            PUBLIC_ADDRESS,
            format!("{public}: {error:#}"),
            "check DNS, certificate and gateway; some networks do not let a machine call itself by its public address",
        ),
    }];
    if program.runs(ingest::Service::NAME) {
        findings.push(check_callback(program, public).await);
        findings.push(check_subscription(program, public).await);
    }
    findings
}

async fn find_program(public: &Url) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Description {
        info: Info,
    }
    #[derive(Deserialize)]
    struct Info {
        title: String,
    }
    let response =
        telemetry::http_client(TIMEOUT)?.get(below(public, "openapi.json")?).send().await?;
    let status = response.status();
    if !status.is_success() {
        bail!("answers {status}");
    }
    let description: Description = response.json().await.context("another program answers")?;
    if description.info.title != "Paceline" {
        bail!("another program answers: {:?}", description.info.title);
    }
    Ok(())
}

/// Asks for the challenge, as Strava does before it accepts a subscription.
async fn check_callback(program: RunningProgram<'_>, public: &Url) -> Finding {
    match repeat_challenge(program, public).await {
        Ok(()) => ok(CALLBACK, "repeats the challenge, as Strava asks for it"),
        Err(error) => warning(
            CALLBACK,
            format!("{error:#}"),
            "the gateway must forward /webhook/ to the program, with its query",
        ),
    }
}

async fn repeat_challenge(program: RunningProgram<'_>, public: &Url) -> anyhow::Result<()> {
    let runtime = &program.foundation.runtime;
    let challenge = runtime.ids.uuid_v7(runtime.clock.now()).to_string();
    let url = callback_url(program, public)?;
    let query = [
        ("hub.mode", "subscribe"),
        ("hub.challenge", challenge.as_str()),
        ("hub.verify_token", program.foundation.verify_token.expose_secret()),
    ];
    // The path and the query are secret: an error must not repeat them.
    let response = telemetry::http_client(TIMEOUT)?
        .get(url)
        .query(&query)
        .send()
        .await
        .map_err(reqwest::Error::without_url)?;
    let status = response.status();
    if !status.is_success() {
        bail!("answers {status}");
    }
    let answer: serde_json::Value = response.json().await.map_err(reqwest::Error::without_url)?;
    if answer["hub.challenge"] != challenge.as_str() {
        bail!("does not repeat the challenge");
    }
    Ok(())
}

async fn check_subscription(program: RunningProgram<'_>, public: &Url) -> Finding {
    let strava = &program.foundation.settings.strava;
    let (Some(client_id), Some(client_secret)) = (strava.client_id, strava.client_secret.clone())
    else {
        return warning(SUBSCRIPTION, "none without a Strava application", "see above");
    };
    let app = AppCredentials { client_id: ApplicationId::new(client_id), client_secret };
    let advice = "the log says \"not subscribed yet\" and why; the program goes on trying";
    let subscriptions = match program.foundation.strava.list_subscriptions(&app).await {
        Ok(answer) => answer.body,
        Err(error) => {
            return warning(SUBSCRIPTION, format!("Strava does not list it: {error}"), advice);
        }
    };
    let Ok(ours) = callback_url(program, public) else {
        return fault(
            SUBSCRIPTION,
            "the address of the webhook is invalid",
            "mend server.public_url",
        );
    };
    match subscriptions.first() {
        None => warning(SUBSCRIPTION, "none", advice),
        Some(first) if first.callback_url == ours.as_str() => {
            ok(SUBSCRIPTION, format!("{} leads here", first.id))
        }
        Some(first) => fault(
            SUBSCRIPTION,
            format!("{} leads to another address, at {}", first.id, host_of(&first.callback_url)),
            "Strava allows one for each application: does another installation use the same one?",
        ),
    }
}

/// The host of a callback; its path holds a secret.
fn host_of(callback: &str) -> String {
    let host = Url::parse(callback).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| "an unreadable one".to_owned())
}

fn callback_url(program: RunningProgram<'_>, public: &Url) -> anyhow::Result<Url> {
    below(public, &format!("webhook/{}", program.foundation.webhook_secret.expose_secret()))
}

fn below(public: &Url, path: &str) -> anyhow::Result<Url> {
    Ok(Url::parse(&format!("{}/{path}", public.as_str().trim_end_matches('/')))?)
}

/// Asks Strava for its page, and compares the clocks.
pub(super) async fn strava_and_clock(settings: &Settings) -> Vec<Finding> {
    let answer = async {
        let http = telemetry::http_client(TIMEOUT)?;
        anyhow::Ok(http.get(settings.strava.url.clone()).send().await?)
    };
    let clock = SystemClock::with_offset(settings.clock.offset_s);
    match answer.await {
        Ok(answer) => {
            let date = answer.headers().get(reqwest::header::DATE);
            let theirs = date.and_then(|date| parse_date(date.to_str().ok()?));
            vec![
                judge_clock(clock.now(), theirs),
                ok("Strava", format!("answers ({})", answer.status())),
            ]
        }
        Err(error) => vec![
            judge_clock(clock.now(), None),
            warning(
                "Strava",
                format!("{error:#}"),
                "check strava.url and this network's way to the internet",
            ),
        ],
    }
}

fn parse_date(date: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc2822(date).ok().map(|date| Timestamp::from_secs(date.timestamp()))
}

fn judge_clock(ours: Timestamp, theirs: Option<Timestamp>) -> Finding {
    const CHECK: &str = "clock";
    let Some(theirs) = theirs else {
        return warning(CHECK, "Strava did not tell the time", "see the finding about Strava");
    };
    let skew = ours.since(theirs).max(theirs.since(ours));
    let side = if ours > theirs { "ahead of" } else { "behind" };
    let message = format!("{} s {side} Strava's", skew.as_secs());
    let advice = "synchronize the machine's clock (NTP); clock.offset_s is for tests only";
    if skew > MAX_SKEW {
        fault(CHECK, message, advice)
    } else if skew > SKEW {
        warning(CHECK, message, advice)
    } else {
        ok(CHECK, "agrees with Strava's")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::State;

    #[test]
    fn clocks_may_differ_by_seconds_but_not_by_minutes() {
        let theirs = parse_date("Tue, 15 Nov 1994 08:12:31 GMT").unwrap();
        let seconds = |count: i64| Timestamp::from_secs(theirs.as_secs() + count);

        for (ours, state) in [
            (seconds(0), State::Ok),
            (seconds(-9), State::Ok),
            (seconds(30), State::Warning),
            (seconds(-300), State::Fault),
        ] {
            assert_eq!(judge_clock(ours, Some(theirs)).state, state, "{ours:?}");
        }
        assert_eq!(judge_clock(theirs, None).state, State::Warning);
    }

    #[test]
    fn of_a_foreign_callback_only_the_host_is_told() {
        assert_eq!(host_of("https://run.example.org/webhook/secret"), "run.example.org");
        assert!(!host_of("secret").contains("secret"));
    }
}
