//! The file a copy is uploaded as.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::gpx;
use super::tcx;
use super::track::{Track, TrackHeader};

/// Maximum size of an upload that Strava accepts, in bytes.
pub(crate) const MAX_UPLOAD_BYTES: usize = 25 * 1024 * 1024;
/// Size from which a file is compressed, in bytes.
const GZIP_MIN_BYTES: usize = 1024 * 1024;

/// A file ready to be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UploadFile {
    pub(crate) bytes: Vec<u8>,
    /// Strava's name of the format: `gpx`, `tcx`, each also with `.gz`.
    pub(crate) data_type: &'static str,
}

/// Builds a GPX if every sample has a position, else a TCX; `None` without samples.
pub(crate) fn build_file(header: TrackHeader<'_>, track: &Track) -> io::Result<Option<UploadFile>> {
    if track.is_empty() {
        return Ok(None);
    }
    let (bytes, plain_type, gzip_type) = if track.has_positions() {
        (gpx::write(Vec::new(), header, track)?, "gpx", "gpx.gz")
    } else {
        (tcx::write(Vec::new(), header, track)?, "tcx", "tcx.gz")
    };
    if bytes.len() < GZIP_MIN_BYTES {
        return Ok(Some(UploadFile { bytes, data_type: plain_type }));
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&bytes)?;
    Ok(Some(UploadFile { bytes: gzip.finish()?, data_type: gzip_type }))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use kernel::Timestamp;

    use super::*;

    fn header() -> TrackHeader<'static> {
        TrackHeader {
            name: "Run with Milla",
            sport: "Run",
            start: Timestamp::from_secs(1_792_000_000),
        }
    }

    fn track(samples: i64) -> Track {
        let along = |from: i64| (0..samples).map(|step| from + step * 17).collect::<Vec<_>>();
        Track {
            seconds: (0..samples).collect(),
            latitude_e7: along(0),
            longitude_e7: along(9),
            ..Track::default()
        }
    }

    #[test]
    fn positions_make_a_gpx_and_their_absence_a_tcx() {
        assert_eq!(build_file(header(), &track(3)).unwrap().unwrap().data_type, "gpx");
        let indoors = Track { latitude_e7: Vec::new(), longitude_e7: Vec::new(), ..track(3) };
        assert_eq!(build_file(header(), &indoors).unwrap().unwrap().data_type, "tcx");
        assert_eq!(build_file(header(), &Track::default()).unwrap(), None);
    }

    #[test]
    fn a_day_long_file_is_packed_and_unpacks_to_what_was_written() {
        let file = build_file(header(), &track(20_000)).unwrap().unwrap();
        assert_eq!(file.data_type, "gpx.gz");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&file.bytes[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, gpx::write(Vec::new(), header(), &track(20_000)).unwrap());
    }
}
