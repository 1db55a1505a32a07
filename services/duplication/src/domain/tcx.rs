//! Writes TCX v2 for what has no positions and so cannot be a GPX: the treadmill, the trainer, the pool.

use std::io::{self, Write};

use super::gpx::Heading;
use super::track::{Sample, Track};
use super::xml::{Xml, decimal, instant};

const TCX: &str = "http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const EXTENSION: &str = "http://www.garmin.com/xmlschemas/ActivityExtension/v2";
const SCHEMAS: &str = "http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2 \
    http://www.garmin.com/xmlschemas/TrainingCenterDatabasev2.xsd \
    http://www.garmin.com/xmlschemas/ActivityExtension/v2 http://www.garmin.com/xmlschemas/ActivityExtensionv2.xsd";

/// Writes the track as one activity of one lap.
pub(crate) fn write<W: Write>(to: W, heading: Heading<'_>, track: &Track) -> io::Result<W> {
    let mut xml = Xml::begin(to)?;
    let root = [
        ("xmlns", TCX),
        ("xmlns:xsi", XSI),
        ("xmlns:ax", EXTENSION),
        ("xsi:schemaLocation", SCHEMAS),
    ];
    xml.open("TrainingCenterDatabase", &root)?;
    xml.open("Activities", &[])?;
    xml.open("Activity", &[("Sport", kind(heading.sport))])?;
    let start = instant(heading.start);
    xml.text("Id", &start)?;
    xml.open("Lap", &[("StartTime", &start)])?;
    lap(&mut xml, track)?;
    xml.open("Track", &[])?;
    let runs = kind(heading.sport) == "Running";
    for sample in track.samples(heading.start) {
        point(&mut xml, &sample, runs)?;
    }
    xml.close("Track")?;
    xml.close("Lap")?;
    xml.text("Notes", heading.name)?;
    for name in ["Activity", "Activities", "TrainingCenterDatabase"] {
        xml.close(name)?;
    }
    Ok(xml.finish())
}

fn lap<W: Write>(xml: &mut Xml<W>, track: &Track) -> io::Result<()> {
    xml.text("TotalTimeSeconds", &track.seconds.last().copied().unwrap_or(0).to_string())?;
    xml.text("DistanceMeters", &decimal(track.distance_dm.last().copied().unwrap_or(0).max(0), 1))?;
    xml.text("Calories", "0")?;
    xml.text("Intensity", "Active")?;
    xml.text("TriggerMethod", "Manual")
}

fn point<W: Write>(xml: &mut Xml<W>, sample: &Sample, runs: bool) -> io::Result<()> {
    xml.open("Trackpoint", &[])?;
    xml.text("Time", &instant(sample.at))?;
    xml.maybe("AltitudeMeters", sample.altitude_dm.map(|altitude| decimal(altitude, 1)))?;
    xml.maybe("DistanceMeters", sample.distance_dm.map(|distance| decimal(distance, 1)))?;
    if let Some(beats) = sample.heart_rate {
        xml.open("HeartRateBpm", &[])?;
        xml.text("Value", &beats.to_string())?;
        xml.close("HeartRateBpm")?;
    }
    let cadence = sample.cadence.map(|turns| turns.to_string());
    let (steps, turns) = if runs { (cadence, None) } else { (None, cadence) };
    xml.maybe("Cadence", turns)?;
    extensions(xml, sample, steps)?;
    xml.close("Trackpoint")
}

fn extensions<W: Write>(
    xml: &mut Xml<W>,
    sample: &Sample,
    steps: Option<String>,
) -> io::Result<()> {
    if steps.is_none() && sample.watts.is_none() && sample.speed_mm_s.is_none() {
        return Ok(());
    }
    xml.open("Extensions", &[])?;
    xml.open("ax:TPX", &[])?;
    xml.maybe("ax:Speed", sample.speed_mm_s.map(|speed| decimal(speed, 3)))?;
    xml.maybe("ax:RunCadence", steps)?;
    xml.maybe("ax:Watts", sample.watts.map(|watts| watts.to_string()))?;
    xml.close("ax:TPX")?;
    xml.close("Extensions")
}

/// The schema knows three; Strava takes the sport from the upload's `sport_type`.
fn kind(sport: &str) -> &'static str {
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

    fn written(sport: &str, track: &Track) -> String {
        let heading = Heading {
            name: "Trainer with Milla",
            sport,
            start: Timestamp::from_secs(1_792_000_000),
        };
        String::from_utf8(write(Vec::new(), heading, track).unwrap()).unwrap()
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
    fn an_activity_without_positions_keeps_time_distance_heart_rate_cadence_and_power() {
        let file = written("VirtualRide", &track());
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
        let file = written("Run", &track().without_heart_rate());
        assert!(file.contains("<ax:RunCadence>81</ax:RunCadence>"), "{file}");
        assert!(!file.contains("<Cadence>") && !file.contains("HeartRate"), "{file}");
    }
}
