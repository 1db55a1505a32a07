//! TCX v2 writer for activities without positions, which cannot be a GPX: treadmill, trainer, pool.

use std::io::{self, Write};

use super::track::{Sample, Track, TrackHeader};
use super::xml::{Xml, format_decimal, format_time};

const TCX: &str = "http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const EXTENSION: &str = "http://www.garmin.com/xmlschemas/ActivityExtension/v2";
const SCHEMAS: &str = "http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2 \
    http://www.garmin.com/xmlschemas/TrainingCenterDatabasev2.xsd \
    http://www.garmin.com/xmlschemas/ActivityExtension/v2 http://www.garmin.com/xmlschemas/ActivityExtensionv2.xsd";

/// Writes the track as one activity of one lap.
pub(crate) fn write<W: Write>(to: W, header: TrackHeader<'_>, track: &Track) -> io::Result<W> {
    let mut xml = Xml::new(to)?;
    let root = [
        ("xmlns", TCX),
        ("xmlns:xsi", XSI),
        ("xmlns:ax", EXTENSION),
        ("xsi:schemaLocation", SCHEMAS),
    ];
    xml.open("TrainingCenterDatabase", &root)?;
    xml.open("Activities", &[])?;
    xml.open("Activity", &[("Sport", tcx_sport(header.sport))])?;
    let start = format_time(header.start);
    xml.element("Id", &start)?;
    xml.open("Lap", &[("StartTime", &start)])?;
    write_lap(&mut xml, track)?;
    xml.open("Track", &[])?;
    let is_run = tcx_sport(header.sport) == "Running";
    for sample in track.samples(header.start) {
        write_point(&mut xml, &sample, is_run)?;
    }
    xml.close("Track")?;
    xml.close("Lap")?;
    xml.element("Notes", header.name)?;
    for name in ["Activity", "Activities", "TrainingCenterDatabase"] {
        xml.close(name)?;
    }
    Ok(xml.finish())
}

fn write_lap<W: Write>(xml: &mut Xml<W>, track: &Track) -> io::Result<()> {
    xml.element("TotalTimeSeconds", track.seconds.last().unwrap_or(&0))?;
    xml.element(
        "DistanceMeters",
        format_decimal(track.distance_dm.last().copied().unwrap_or(0).max(0), 1),
    )?;
    xml.element("Calories", "0")?;
    xml.element("Intensity", "Active")?;
    xml.element("TriggerMethod", "Manual")
}

fn write_point<W: Write>(xml: &mut Xml<W>, sample: &Sample, is_run: bool) -> io::Result<()> {
    xml.open("Trackpoint", &[])?;
    xml.element("Time", format_time(sample.at))?;
    xml.optional("AltitudeMeters", sample.altitude_dm.map(|altitude| format_decimal(altitude, 1)))?;
    xml.optional("DistanceMeters", sample.distance_dm.map(|distance| format_decimal(distance, 1)))?;
    if let Some(beats) = sample.heart_rate {
        xml.open("HeartRateBpm", &[])?;
        xml.element("Value", beats)?;
        xml.close("HeartRateBpm")?;
    }
    xml.optional("Cadence", sample.cadence.filter(|_| !is_run))?;
    write_extensions(xml, sample, sample.cadence.filter(|_| is_run))?;
    xml.close("Trackpoint")
}

fn write_extensions<W: Write>(
    xml: &mut Xml<W>,
    sample: &Sample,
    run_cadence: Option<i64>,
) -> io::Result<()> {
    if run_cadence.is_none() && sample.watts.is_none() && sample.speed_mm_s.is_none() {
        return Ok(());
    }
    xml.open("Extensions", &[])?;
    xml.open("ax:TPX", &[])?;
    xml.optional("ax:Speed", sample.speed_mm_s.map(|speed| format_decimal(speed, 3)))?;
    xml.optional("ax:RunCadence", run_cadence)?;
    xml.optional("ax:Watts", sample.watts)?;
    xml.close("ax:TPX")?;
    xml.close("Extensions")
}

/// Returns one of the three sports of the schema; Strava takes the sport from the upload's `sport_type`.
fn tcx_sport(sport: &str) -> &'static str {
    if sport.ends_with("Run") {
        "Running"
    } else if sport.ends_with("Ride") {
        "Biking"
    } else {
        "Other"
    }
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    fn write_text(sport: &str, track: &Track) -> String {
        let header = TrackHeader {
            name: "Trainer with Milla",
            sport,
            start: Timestamp::from_secs(1_792_000_000),
        };
        String::from_utf8(write(Vec::new(), header, track).unwrap()).unwrap()
    }

    fn track() -> Track {
        Track {
            seconds: vec![0, 2],
            distance_dm: vec![0, 155],
            heart_rate: vec![140, 141],
            cadence: vec![80, 81],
            watts: vec![Some(200), None],
            ..Track::default()
        }
    }

    #[test]
    fn an_activity_without_positions_keeps_everything_else() {
        let file = write_text("VirtualRide", &track());
        assert!(file.contains(r#"<Activity Sport="Biking"><Id>2026-10-14T"#), "{file}");
        assert!(
            file.contains(
                "<TotalTimeSeconds>2</TotalTimeSeconds><DistanceMeters>15.5</DistanceMeters>"
            ),
            "{file}"
        );
        let point = "<DistanceMeters>0.0</DistanceMeters><HeartRateBpm><Value>140</Value></HeartRateBpm>\
                     <Cadence>80</Cadence><Extensions><ax:TPX><ax:Watts>200</ax:Watts></ax:TPX></Extensions>";
        assert!(file.contains(point), "{file}");
        assert!(!file.contains("Position"), "{file}");
    }

    #[test]
    fn steps_of_a_run_are_run_cadence_and_unshared_heart_rate_is_absent() {
        let file = write_text("Run", &track().without_heart_rate());
        assert!(file.contains("<ax:RunCadence>81</ax:RunCadence>"), "{file}");
        assert!(!file.contains("<Cadence>") && !file.contains("HeartRate"), "{file}");
    }
}
