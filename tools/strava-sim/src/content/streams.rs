//! The streams of an activity, from its source.

use std::sync::Arc;

use super::{files, recorded};
use crate::tracks::{StreamTargets, Streams, polyline};
use crate::world::{Activity, StreamSource, SummaryActivity};

/// Loads the whole streams; `None` for entries by hand.
pub(crate) fn load_streams(activity: &Activity) -> Option<Arc<Streams>> {
    match &activity.source {
        StreamSource::Manual => None,
        StreamSource::Synthetic => {
            Some(Arc::new(stream_targets(&activity.summary).build_streams()))
        }
        StreamSource::File(index) => files::file_streams(*index),
        StreamSource::Marathon => {
            recorded::marathon_streams(&stream_targets(&activity.summary)).map(Arc::new)
        }
        StreamSource::Stored(streams) => Some(streams.clone()),
    }
}

fn stream_targets(summary: &SummaryActivity) -> StreamTargets {
    StreamTargets {
        seed: summary.id.unsigned_abs(),
        distance: summary.distance,
        moving_s: summary.moving_time,
        elapsed_s: summary.elapsed_time,
        path: polyline::decode(&summary.map.summary_polyline),
        altitude: summary.elev_low.zip(summary.elev_high).map(<[f64; 2]>::from),
        gain: summary.total_elevation_gain,
        heartrate: summary.average_heartrate.zip(summary.max_heartrate).map(<[f64; 2]>::from),
        cadence: summary.average_cadence,
        watts: summary.average_watts,
        temp: summary.average_temp,
    }
}
