//! An activity: its summary, the source of its streams, and its cached answers.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use super::athlete::Athlete;
use super::summary::{OptionalField, SummaryActivity};
use crate::times::{format_iso, parse_iso};
use crate::tracks::{Lap, Streams, polyline};

/// The source of an activity's streams.
#[derive(Clone, Debug)]
pub(crate) enum StreamSource {
    /// Entered by hand: there are none.
    Manual,
    /// Made to fit the summary when asked for.
    Synthetic,
    /// A recorded file by index.
    File(usize),
    /// The recorded marathon with its recorded detail.
    Marathon,
    /// Kept in memory, as for uploads.
    Stored(Arc<Streams>),
}

/// The extent to which a token reads activities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadAccess {
    /// `activity:read_all`.
    All,
    /// `activity:read` alone: no *Only You*, nothing inside privacy zones.
    Limited,
}

/// A rendered answer.
#[derive(Clone, Debug)]
pub(crate) struct RenderedBody {
    pub(crate) json: Bytes,
    /// `W/"<first 32 hex digits of the SHA-256 of the body>"`.
    pub(crate) etag: String,
}

impl RenderedBody {
    /// A body with its ETag.
    pub(crate) fn new(json: impl Into<Bytes>) -> Self {
        let json = json.into();
        let hash = digest(&SHA256, &json);
        let etag = format!("W/\"{}\"", hex::encode(&hash.as_ref()[..16]));
        Self { json, etag }
    }
}

/// Rendered answers by access; a changed copy of an activity begins without any.
#[derive(Debug, Default)]
struct RenderCache {
    summary: [OnceLock<Bytes>; 2],
    detail: [OnceLock<RenderedBody>; 2],
}

impl Clone for RenderCache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// One activity.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    pub(crate) summary: SummaryActivity,
    /// The true start, also where the athlete hides it.
    pub(crate) start_s: i64,
    pub(crate) hide_start: bool,
    pub(crate) hide_from_home: bool,
    pub(crate) description: Option<String>,
    pub(crate) calories: f64,
    pub(crate) laps: Vec<Lap>,
    pub(crate) source: StreamSource,
    /// On the simulator's clock; before it, streams answer `{}`.
    pub(crate) streams_ready_ms: i64,
    cache: RenderCache,
}

impl Activity {
    /// An activity that starts as its summary says.
    pub(crate) fn new(summary: SummaryActivity, source: StreamSource) -> Self {
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
            cache: RenderCache::default(),
        }
    }

    /// Hides the start time: both dates show one second after local midnight.
    pub(crate) fn hide_start(&mut self) {
        self.hide_start = true;
        let local = self.start_s + self.summary.utc_offset as i64;
        let shown = format_iso(local.div_euclid(86_400) * 86_400 + 1);
        self.summary.start_date.clone_from(&shown);
        self.summary.start_date_local = shown;
    }

    /// Returns true if a token with this access sees the activity at all.
    pub(crate) fn is_visible(&self, access: ReadAccess) -> bool {
        access == ReadAccess::All || self.summary.visibility != "only_me"
    }

    /// The summary as JSON.
    pub(crate) fn summary_json(&self, access: ReadAccess, athlete: &Athlete) -> Bytes {
        let render = || {
            let visible = self.visible_summary(access, athlete);
            Bytes::from(serde_json::to_vec(&visible).unwrap_or_default())
        };
        self.cache.summary[access as usize].get_or_init(render).clone()
    }

    /// The cached detail, rendered if it is asked for the first time.
    pub(crate) fn cached_detail(
        &self,
        access: ReadAccess,
        render: impl FnOnce() -> RenderedBody,
    ) -> RenderedBody {
        self.cache.detail[access as usize].get_or_init(render).clone()
    }

    /// The summary without what the privacy zone hides.
    pub(crate) fn visible_summary(&self, access: ReadAccess, athlete: &Athlete) -> SummaryActivity {
        let mut summary = self.summary.clone();
        let (ReadAccess::Limited, Some(zone)) = (access, athlete.privacy_zone) else {
            return summary;
        };
        let path = polyline::decode(&summary.map.summary_polyline);
        let visible = zone.span_outside(&path).map_or(&[][..], |span| &path[span]);
        if visible.len() < path.len() {
            let position = |end: Option<&[f64; 2]>| {
                OptionalField::Value(end.map_or_else(Vec::new, |position| position.to_vec()))
            };
            summary.start_latlng = position(visible.first());
            summary.end_latlng = position(visible.last());
            summary.map.summary_polyline = polyline::encode(visible);
        }
        summary
    }
}
