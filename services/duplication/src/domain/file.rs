//! The file a copy travels in.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::gpx::{self, Heading};
use super::tcx;
use super::track::Track;

/// What Strava takes at most.
pub(crate) const LARGEST: usize = 25 * 1024 * 1024;
/// From here on it is worth packing.
const PACK_FROM: usize = 1024 * 1024;

/// A file ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    /// As Strava names it: `gpx`, `tcx`, each also with `.gz`.
    pub(crate) data_type: &'static str,
}

/// GPX where every sample has a position, TCX where none can; nothing without samples.
pub(crate) fn build(heading: Heading<'_>, track: &Track) -> io::Result<Option<File>> {
    if track.is_empty() {
        return Ok(None);
    }
    let (bytes, plain, packed) = if track.has_positions() {
        (gpx::write(Vec::new(), heading, track)?, "gpx", "gpx.gz")
    } else {
        (tcx::write(Vec::new(), heading, track)?, "tcx", "tcx.gz")
    };
    if bytes.len() < PACK_FROM {
        return Ok(Some(File { bytes, data_type: plain }));
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&bytes)?;
    Ok(Some(File { bytes: gzip.finish()?, data_type: packed }))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use kernel::Timestamp;

    use super::*;

    fn heading() -> Heading<'static> {
        Heading { name: "Run with Milla", sport: "Run", start: Timestamp::from_secs(1_792_000_000) }
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
        assert_eq!(build(heading(), &track(3)).unwrap().unwrap().data_type, "gpx");
        let indoors = Track { latitude_e7: Vec::new(), longitude_e7: Vec::new(), ..track(3) };
        assert_eq!(build(heading(), &indoors).unwrap().unwrap().data_type, "tcx");
        assert_eq!(build(heading(), &Track::default()).unwrap(), None);
    }

    #[test]
    fn a_day_long_file_is_packed_and_unpacks_to_what_was_written() {
        let file = build(heading(), &track(20_000)).unwrap().unwrap();
        assert_eq!(file.data_type, "gpx.gz");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&file.bytes[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, gpx::write(Vec::new(), heading(), &track(20_000)).unwrap());
    }
}
