//! Writes GPX 1.1: positions, elevation and time, and what the extensions that Strava reads can carry.
//!
//! Heart rate and cadence go into Garmin's TrackPointExtension v1, distance into Cluetrust's
//! gpxdata, speed into TrackPointExtension v2 (the first has none). Power is the bare tag Strava
//! reads: the one place where the schema, which wants foreign namespaces there, is not followed.

use std::io::{self, Write};

use kernel::Timestamp;

use super::track::{Sample, Track};
use super::xml::{Xml, decimal, instant};

const GPX: &str = "http://www.topografix.com/GPX/1/1";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const TPX: &str = "http://www.garmin.com/xmlschemas/TrackPointExtension/v1";
const TPX2: &str = "http://www.garmin.com/xmlschemas/TrackPointExtension/v2";
const DATA: &str = "http://www.cluetrust.com/XML/GPXDATA/1/0";
const SCHEMAS: &str = "http://www.topografix.com/GPX/1/1 http://www.topografix.com/GPX/1/1/gpx.xsd \
    http://www.garmin.com/xmlschemas/TrackPointExtension/v1 http://www.garmin.com/xmlschemas/TrackPointExtensionv1.xsd \
    http://www.garmin.com/xmlschemas/TrackPointExtension/v2 http://www.garmin.com/xmlschemas/TrackPointExtensionv2.xsd \
    http://www.cluetrust.com/XML/GPXDATA/1/0 http://www.cluetrust.com/Schemas/gpxdata10.xsd";

/// What a file says of itself besides its samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heading<'a> {
    pub(crate) name: &'a str,
    pub(crate) sport: &'a str,
    pub(crate) start: Timestamp,
}

/// Writes the track; samples without a position cannot be points and are left out.
pub(crate) fn write<W: Write>(to: W, heading: Heading<'_>, track: &Track) -> io::Result<W> {
    let mut xml = Xml::begin(to)?;
    let root = [
        ("xmlns", GPX),
        ("xmlns:xsi", XSI),
        ("xmlns:gpxtpx", TPX),
        ("xmlns:gpxtpx2", TPX2),
        ("xmlns:gpxdata", DATA),
        ("xsi:schemaLocation", SCHEMAS),
        ("version", "1.1"),
        ("creator", "Paceline"),
    ];
    xml.open("gpx", &root)?;
    xml.open("metadata", &[])?;
    xml.text("time", &instant(heading.start))?;
    xml.close("metadata")?;
    xml.open("trk", &[])?;
    xml.text("name", heading.name)?;
    xml.text("type", kind(heading.sport))?;
    xml.open("trkseg", &[])?;
    for sample in track.samples(heading.start) {
        point(&mut xml, &sample)?;
    }
    for name in ["trkseg", "trk", "gpx"] {
        xml.close(name)?;
    }
    Ok(xml.finish())
}

fn point<W: Write>(xml: &mut Xml<W>, sample: &Sample) -> io::Result<()> {
    let Some((latitude, longitude)) = sample.position_e7 else { return Ok(()) };
    xml.open("trkpt", &[("lat", &decimal(latitude, 7)), ("lon", &decimal(longitude, 7))])?;
    xml.maybe("ele", sample.altitude_dm.map(|altitude| decimal(altitude, 1)))?;
    xml.text("time", &instant(sample.at))?;
    extensions(xml, sample)?;
    xml.close("trkpt")
}

fn extensions<W: Write>(xml: &mut Xml<W>, sample: &Sample) -> io::Result<()> {
    let body = sample.heart_rate.or(sample.cadence);
    if body.or(sample.watts).or(sample.distance_dm).or(sample.speed_mm_s).is_none() {
        return Ok(());
    }
    xml.open("extensions", &[])?;
    xml.maybe("power", sample.watts.map(|watts| watts.to_string()))?;
    if body.is_some() {
        xml.open("gpxtpx:TrackPointExtension", &[])?;
        xml.maybe("gpxtpx:hr", sample.heart_rate.map(|beats| beats.to_string()))?;
        xml.maybe("gpxtpx:cad", sample.cadence.map(|turns| turns.to_string()))?;
        xml.close("gpxtpx:TrackPointExtension")?;
    }
    if let Some(speed) = sample.speed_mm_s {
        xml.open("gpxtpx2:TrackPointExtension", &[])?;
        xml.text("gpxtpx2:speed", &decimal(speed, 3))?;
        xml.close("gpxtpx2:TrackPointExtension")?;
    }
    xml.maybe("gpxdata:distance", sample.distance_dm.map(|distance| decimal(distance, 1)))?;
    xml.close("extensions")
}

/// The word other programs know the sport by; Strava itself takes it from the upload's `sport_type`.
fn kind(sport: &str) -> &str {
    match sport {
        "Run" | "VirtualRun" => "running",
        "TrailRun" => "trail_running",
        "Ride" | "VirtualRide" | "GravelRide" => "cycling",
        "MountainBikeRide" => "mountain_biking",
        "Walk" => "walking",
        "Hike" => "hiking",
        "Swim" => "swimming",
        other => other,
    }
}

#[cfg(test)]
mod tests;
