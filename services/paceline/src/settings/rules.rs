//! The rules of the settings: ranges, schemes, lengths. A value that breaks one is refused at the start.

use std::ops::RangeInclusive;

use http_kit::TrustedProxies;
use url::Url;

/// The range of every numeric setting, both ends included.
const RANGES: [(&str, RangeInclusive<i64>); 44] = [
    ("server.workers", 1..=256),
    ("server.max_connections", 8..=1_000_000),
    ("strava.client_id", 1..=i64::MAX),
    ("strava.athlete_limit", 1..=1_000_000),
    ("kafka.partitions", 1..=10_000),
    ("kafka.replication", 1..=100),
    ("auth.max_token_life_s", 60..=2_592_000),
    ("clock.offset_s", -4_000_000_000..=4_000_000_000),
    ("token.refresh_margin_s", 0..=20_000),
    ("token.inactive_retry_s", 1..=86_400),
    ("token.reconnect_grace_days", 0..=3_650),
    ("token.refresh_patience_s", 1..=600),
    ("token.lease_s", 1..=3_600),
    ("ingest.refresh_patience_s", 1..=600),
    ("ingest.poll_interval_s", 1..=604_800),
    ("ingest.sweep_interval_s", 1..=2_592_000),
    ("ingest.tick_s", 1..=3_600),
    ("ingest.live_workers", 1..=64),
    ("ingest.head_workers", 1..=64),
    ("ingest.bulk_workers", 1..=64),
    // Strava lists at most 200 activities on a page.
    ("ingest.page", 1..=200),
    ("ingest.head_page", 1..=200),
    ("ingest.journal_days", 1..=3_650),
    ("ingest.publish_patience_ms", 1..=60_000),
    ("ingest.breaker_ms", 0..=600_000),
    ("stats.watch_s", 1..=3_600),
    ("duplication.workers", 1..=64),
    ("duplication.first_poll_ms", 0..=600_000),
    ("duplication.poll_every_ms", 1..=600_000),
    ("duplication.upload_patience_s", 1..=604_800),
    ("duplication.look_after_s", 0..=604_800),
    ("duplication.look_again_s", 0..=604_800),
    ("duplication.max_sends", 1..=100),
    ("duplication.wait_s", 1..=604_800),
    ("duplication.max_links", 1..=10_000),
    ("duplication.max_invitations", 1..=1_000),
    ("duplication.invitation_days", 1..=90),
    ("duplication.declined_days", 0..=3_650),
    ("duplication.ended_link_days", 1..=3_650),
    ("duplication.prune_every_s", 1..=86_400),
    ("duplication.lanes", 1..=256),
    // A removed or demoted person keeps the rights of a session for as long as it lasts.
    ("identity.session_s", 60..=86_400),
    ("identity.attempts", 1..=1_000),
    ("identity.lockout_s", 1..=86_400),
];

/// The schemes of URLs.
const SCHEMES: [(&str, &[&str]); 9] = [
    ("server.public_url", &["http://", "https://"]),
    ("server.frontend_url", &["http://", "https://"]),
    ("strava.url", &["http://", "https://"]),
    ("strava.redirect_uri", &["http://", "https://"]),
    ("telemetry.otlp_endpoint", &["http://", "https://"]),
    ("auth.jwks_url", &["http://", "https://"]),
    ("internal.token_url", &["http://", "https://"]),
    ("database.url", &["mysql://"]),
    ("objects.url", &["file:", "s3://"]),
];

/// The minimum length of secrets that people choose, in characters. `token.encryption_key` has none: with another
/// passphrase every athlete would have to connect again.
const MIN_SECRET_CHARS: [(&str, usize); 3] =
    [("internal.credential", 16), ("ingest.webhook_secret", 16), ("ingest.refresh_api_key", 8)];

/// Checks a value that is set.
///
/// # Errors
///
/// Fails with what the value should be.
pub(super) fn check(key: &str, value: &str) -> Result<(), String> {
    if let Some(range) = find(&RANGES, key) {
        return check_number(value, range);
    }
    if let Some(schemes) = find(&SCHEMES, key) {
        let lower = value.to_ascii_lowercase();
        let fits = schemes.iter().any(|scheme| lower.starts_with(scheme));
        return fits
            .then_some(())
            .ok_or_else(|| format!("it must begin with {}", schemes.join(" or ")));
    }
    if let Some(chars) = find(&MIN_SECRET_CHARS, key)
        && value.chars().count() < *chars
    {
        return Err(format!("a secret of at least {chars} characters is needed"));
    }
    match key {
        "strava.retention" if value != "keep" => {
            check_number(value, &(1..=36_500)).map_err(|_number| {
                "expected keep, or a number of days from 1 to 36500, such as 7".to_owned()
            })
        }
        "server.trusted_proxies" => TrustedProxies::parse(value.split(',')).map(drop).map_err(|wrong| {
            format!("expected addresses or networks separated by commas, such as 10.0.0.0/8; {wrong:?} is none")
        }),
        "server.origins" => value.split(',').try_for_each(|origin| check_origin(origin.trim())),
        _ => Ok(()),
    }
}

fn find<'t, T>(table: &'t [(&str, T)], key: &str) -> Option<&'t T> {
    table.iter().find(|(name, _)| *name == key).map(|(_, rule)| rule)
}

fn check_number(value: &str, range: &RangeInclusive<i64>) -> Result<(), String> {
    if value.parse().is_ok_and(|number| range.contains(&number)) {
        return Ok(());
    }
    let (from, to) = range.clone().into_inner();
    Err(if to == i64::MAX {
        format!("{value:?}, expected a whole number of at least {from}")
    } else {
        format!("{value:?}, expected a whole number from {from} to {to}")
    })
}

/// Checks an origin: `https://host`, or with a port, as browsers send it; credentials rule `*` out.
fn check_origin(origin: &str) -> Result<(), String> {
    let is_origin = Url::parse(origin).is_ok_and(|url| {
        ["http", "https"].contains(&url.scheme()) && url.origin().ascii_serialization() == origin
    });
    is_origin
        .then_some(())
        .ok_or_else(|| format!("{origin:?} is no origin such as https://example.org"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::DEFAULTS;

    fn defaults() -> Vec<(String, toml::Value)> {
        let table: toml::Table = toml::from_str(DEFAULTS).unwrap();
        let sections = table.into_iter().flat_map(|(section, values)| {
            let toml::Value::Table(values) = values else { panic!("{section}") };
            values.into_iter().map(move |(key, value)| (format!("{section}.{key}"), value))
        });
        sections.collect()
    }

    #[test]
    fn every_number_has_a_range_that_its_default_is_in() {
        for (key, value) in defaults() {
            if let toml::Value::Integer(number) = value {
                let range = find(&RANGES, &key).unwrap_or_else(|| panic!("{key} has no range"));
                assert!(range.contains(&number), "{key} = {number}");
            }
        }
    }

    #[test]
    fn every_rule_is_about_a_setting_that_exists() {
        let known: Vec<_> = defaults().into_iter().map(|(key, _)| key).collect();
        let ruled = (RANGES.iter().map(|(key, _)| *key))
            .chain(SCHEMES.iter().map(|(key, _)| *key))
            .chain(MIN_SECRET_CHARS.iter().map(|(key, _)| *key));
        for key in ruled {
            assert!(known.iter().any(|it| it == key), "{key}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_it_should_be() {
        for (key, value, expected) in [
            ("identity.session_s", "-5", "a whole number from 60 to 86400"),
            ("server.workers", "0", "from 1 to 256"),
            ("ingest.page", "201", "from 1 to 200"),
            ("strava.client_id", "me", "at least 1"),
            ("strava.retention", "7days", "such as 7"),
            ("strava.retention", "0", "such as 7"),
            ("server.public_url", "ftp://example.org", "http:// or https://"),
            ("database.url", "postgres://localhost/", "must begin with mysql://"),
            ("objects.url", "/srv/objects", "file: or s3://"),
            ("server.origins", "*", "https://example.org"),
            ("server.trusted_proxies", "10.0.0.1,proxy", "\"proxy\" is none"),
            ("server.origins", "https://a.example, https://b.example/", "\"https://b.example/\""),
            ("internal.credential", "short", "at least 16 characters"),
        ] {
            let error = check(key, value).unwrap_err();
            assert!(error.contains(expected), "{key} = {value}: {error}");
        }
    }

    #[test]
    fn what_makes_sense_is_accepted() {
        for (key, value) in [
            ("strava.retention", "keep"),
            ("strava.retention", "7"),
            ("server.public_url", "HTTPS://example.org/paceline/"),
            ("server.trusted_proxies", "10.0.0.0/8, ::1"),
            ("server.origins", "https://a.example,http://localhost:5173"),
            ("database.url", "mysql://root@127.0.0.1:3306/"),
            ("objects.url", "file:objects"),
            ("log.filter", "debug"),
            ("token.encryption_key", "of a former release"),
        ] {
            assert_eq!(check(key, value), Ok(()), "{key} = {value}");
        }
    }
}
