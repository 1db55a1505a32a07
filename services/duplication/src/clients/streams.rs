//! Reader of streams objects.

use std::io::Read;

use contracts::streams_codec::{StreamSet, StreamsCodecError};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::domain::track::Track;

/// Maximum size of a decompressed object in bytes: more than the streams of the longest day.
const MAX_DECOMPRESSED_BYTES: u64 = 256 * 1024 * 1024;

/// Failure to read streams.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamsError {
    /// Superseded: a newer event names a newer object.
    #[error("the streams object is gone")]
    Gone,
    #[error("the object store did not answer")]
    Unavailable(#[source] object_store::Error),
    #[error("the streams object cannot be decompressed")]
    Decompress(#[source] std::io::Error),
    #[error("the streams object cannot be decoded")]
    Decode(#[from] StreamsCodecError),
}

/// Returns the track stored under this key.
pub(crate) async fn read_track(
    objects: &dyn ObjectStore,
    key: &str,
) -> Result<Track, StreamsError> {
    let object = match objects.get(&Path::from(key)).await {
        Ok(object) => object,
        Err(object_store::Error::NotFound { .. }) => return Err(StreamsError::Gone),
        Err(error) => return Err(StreamsError::Unavailable(error)),
    };
    let compressed = object.bytes().await.map_err(StreamsError::Unavailable)?;
    let mut bytes = Vec::new();
    zstd::stream::read::Decoder::new(&compressed[..])
        .and_then(|decoder| decoder.take(MAX_DECOMPRESSED_BYTES).read_to_end(&mut bytes))
        .map_err(StreamsError::Decompress)?;
    Ok(to_track(StreamSet::decode(&bytes)?))
}

fn to_track(streams: StreamSet) -> Track {
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
