//! Reads the streams object of an activity.

use std::io::Read;

use contracts::streams_codec::{StreamSet, StreamsCodecError};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::domain::track::Track;

/// More than the streams of the longest day; what unpacks to more is a trap.
const MOST: u64 = 256 * 1024 * 1024;

/// Why there are no streams.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamsError {
    /// It was superseded: a newer event names a newer object.
    #[error("the streams object is gone")]
    Gone,
    #[error("the object store did not answer")]
    Away(#[source] object_store::Error),
    #[error("the streams object cannot be unpacked")]
    Packed(#[source] std::io::Error),
    #[error("the streams object cannot be read")]
    Bad(#[from] StreamsCodecError),
}

/// The samples under this key.
pub(crate) async fn read(objects: &dyn ObjectStore, key: &str) -> Result<Track, StreamsError> {
    let found = match objects.get(&Path::from(key)).await {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => return Err(StreamsError::Gone),
        Err(error) => return Err(StreamsError::Away(error)),
    };
    let packed = found.bytes().await.map_err(StreamsError::Away)?;
    let mut bytes = Vec::new();
    zstd::stream::read::Decoder::new(&packed[..])
        .and_then(|decoder| decoder.take(MOST).read_to_end(&mut bytes))
        .map_err(StreamsError::Packed)?;
    Ok(track(StreamSet::decode(&bytes)?))
}

fn track(streams: StreamSet) -> Track {
    Track {
        seconds: streams.time_s,
        distance_dm: streams.distance_dm,
        latitude_e7: streams.latitude_e7,
        longitude_e7: streams.longitude_e7,
        altitude_dm: streams.altitude_dm,
        speed_mm_s: streams.velocity_mm_s,
        heart_rate: streams.heartrate_bpm,
        cadence: streams.cadence_rpm,
        watts: streams.watts,
    }
}
