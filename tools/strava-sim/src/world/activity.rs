//! One activity: its summary, where its streams come from, and its cached answers.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::athlete::Athlete;
use super::summary::{Field, Summary};
use crate::content;
use crate::times::{iso, parse_iso};
use crate::tracks::plan::Plan;
use crate::tracks::streams::Streams;
use crate::tracks::{LapSpan, metres_between, polyline};

/// Where the streams of an activity come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Entered by hand: there are none.
    Manual,
    /// Made to fit the summary when asked for.
    Fitted,
    /// One of the recorded files.
    File(usize),
    /// The recorded marathon with its recorded detail.
    Marathon,
    /// Kept, as for uploads.
    Kept(Arc<Streams>),
}

/// How much of an activity a token sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// `activity:read_all`.
    All,
    /// `activity:read` alone: no *Only You*, nothing inside privacy zones.
    Limited,
}

/// A rendered answer.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) json: Bytes,
    pub(crate) etag: String,
}

/// A moment as it is shown, in UTC and as wall clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) utc: i64,
    pub(crate) local: i64,
}

#[derive(Debug, Default)]
struct Cache {
    summary: [OnceLock<Bytes>; 2],
    detail: [OnceLock<Body>; 2],
}

/// One activity.
#[derive(Debug)]
pub(crate) struct Activity {
    pub(crate) summary: Summary,
    /// The true start, also where the athlete hides it.
    pub(crate) start_s: i64,
    pub(crate) hide_start: bool,
    pub(crate) hide_from_home: bool,
    pub(crate) description: Option<String>,
    pub(crate) calories: f64,
    pub(crate) laps: Vec<LapSpan>,
    pub(crate) source: Source,
    /// On the simulator's clock; before it, streams answer `{}`.
    pub(crate) streams_ready_ms: i64,
    cache: Cache,
}

impl Clone for Activity {
    fn clone(&self) -> Self {
        Self {
            summary: self.summary.clone(),
            start_s: self.start_s,
            hide_start: self.hide_start,
            hide_from_home: self.hide_from_home,
            description: self.description.clone(),
            calories: self.calories,
            laps: self.laps.clone(),
            source: self.source.clone(),
            streams_ready_ms: self.streams_ready_ms,
            cache: Cache::default(),
        }
    }
}

impl Activity {
    /// An activity that starts when its summary says.
    pub(crate) fn new(summary: Summary, source: Source) -> Self {
        let start_s = parse_iso(&summary.start_date).unwrap_or(0);
        Self {
            summary,
            start_s,
            hide_start: false,
            hide_from_home: false,
            description: None,
            calories: 0.0,
            laps: Vec::new(),
            source,
            streams_ready_ms: 0,
            cache: Cache::default(),
        }
    }

    /// Hides the start time: both dates show one second after local midnight.
    pub(crate) fn hide_start(&mut self) {
        self.hide_start = true;
        let local = self.start_s + self.summary.utc_offset as i64;
        let shown = local.div_euclid(86_400) * 86_400 + 1;
        self.summary.start_date = iso(shown);
        self.summary.start_date_local = iso(shown);
    }

    /// The start as the answers show it.
    pub(crate) fn shown_start(&self) -> Shown {
        Shown {
            utc: parse_iso(&self.summary.start_date).unwrap_or(self.start_s),
            local: parse_iso(&self.summary.start_date_local).unwrap_or(self.start_s),
        }
    }

    /// Whether a token of this sight sees the activity at all.
    pub(crate) fn visible(&self, sight: Sight) -> bool {
        sight == Sight::All || self.summary.visibility != "only_me"
    }

    /// The summary as JSON.
    pub(crate) fn summary_json(&self, sight: Sight, athlete: &Athlete) -> Bytes {
        self.cache.summary[sight as usize]
            .get_or_init(|| {
                let cut = self.seen(sight, athlete);
                Bytes::from(serde_json::to_vec(&cut).unwrap_or_default())
            })
            .clone()
    }

    /// The detail as JSON.
    pub(crate) fn detail(&self, sight: Sight, athlete: &Athlete) -> Body {
        self.cache.detail[sight as usize]
            .get_or_init(|| crate::http::detail::render(self, sight, athlete))
            .clone()
    }

    /// The summary without what the privacy zone hides.
    pub(crate) fn seen(&self, sight: Sight, athlete: &Athlete) -> Summary {
        let mut summary = self.summary.clone();
        let (Sight::Limited, Some((home, radius))) = (sight, athlete.privacy_zone) else {
            return summary;
        };
        let path = polyline::decode(&summary.map.summary_polyline);
        let outside = |at: &[f64; 2]| metres_between(*at, home) > radius;
        match (path.iter().position(outside), path.iter().rposition(outside)) {
            (Some(first), Some(last)) if first > 0 || last + 1 < path.len() => {
                summary.start_latlng = Field::Value(path[first].to_vec());
                summary.end_latlng = Field::Value(path[last].to_vec());
                summary.map.summary_polyline = polyline::encode(&path[first..=last]);
            }
            (None, _) if !path.is_empty() => {
                summary.start_latlng = Field::Value(Vec::new());
                summary.end_latlng = Field::Value(Vec::new());
                summary.map.summary_polyline = String::new();
            }
            _ => {}
        }
        summary
    }

    /// The streams, whole; `None` for manual activities.
    pub(crate) fn streams(&self) -> Option<Arc<Streams>> {
        match &self.source {
            Source::Manual => None,
            Source::Fitted => Some(Arc::new(self.plan().streams())),
            Source::File(index) => content::files::streams(*index),
            Source::Marathon => content::recorded::marathon_streams(&self.plan()),
            Source::Kept(streams) => Some(streams.clone()),
        }
    }

    fn plan(&self) -> Plan {
        let summary = &self.summary;
        Plan {
            seed: summary.id.unsigned_abs(),
            distance: summary.distance,
            moving_s: summary.moving_time,
            elapsed_s: summary.elapsed_time,
            path: polyline::decode(&summary.map.summary_polyline),
            altitude: summary.elev_low.zip(summary.elev_high).map(|(low, high)| [low, high]),
            gain: summary.total_elevation_gain,
            heartrate: summary
                .average_heartrate
                .zip(summary.max_heartrate)
                .map(|(mean, most)| [mean, most]),
            cadence: summary.average_cadence,
            watts: summary.average_watts,
            temp: summary.average_temp,
        }
    }
}
