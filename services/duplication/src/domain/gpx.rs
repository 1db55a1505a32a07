//! GPX 1.1 writer: positions, elevation and time, and the extensions that Strava reads.
//!
//! Heart rate and cadence go into Garmin's TrackPointExtension v1, distance into Cluetrust's
//! gpxdata, speed into TrackPointExtension v2 (the first has none). Power is the bare tag Strava
//! reads: the one place where the schema, which wants foreign namespaces there, is not followed.

use std::io::{self, Write};

use super::track::{Sample, Track, TrackHeader};
use super::xml::{Xml, format_decimal, format_time};

const GPX: &str = "http://www.topografix.com/GPX/1/1";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const TPX: &str = "http://www.garmin.com/xmlschemas/TrackPointExtension/v1";
const TPX2: &str = "http://www.garmin.com/xmlschemas/TrackPointExtension/v2";
const DATA: &str = "http://www.cluetrust.com/XML/GPXDATA/1/0";
const SCHEMAS: &str = "http://www.topografix.com/GPX/1/1 http://www.topografix.com/GPX/1/1/gpx.xsd \
    http://www.garmin.com/xmlschemas/TrackPointExtension/v1 http://www.garmin.com/xmlschemas/TrackPointExtensionv1.xsd \
    http://www.garmin.com/xmlschemas/TrackPointExtension/v2 http://www.garmin.com/xmlschemas/TrackPointExtensionv2.xsd \
    http://www.cluetrust.com/XML/GPXDATA/1/0 http://www.cluetrust.com/Schemas/gpxdata10.xsd";

/// Writes the track; samples without a position cannot be points and are left out.
pub(crate) fn write<W: Write>(to: W, header: TrackHeader<'_>, track: &Track) -> io::Result<W> {
    let mut xml = Xml::new(to)?;
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
    xml.element("time", format_time(header.start))?;
    xml.close("metadata")?;
    xml.open("trk", &[])?;
    xml.element("name", header.name)?;
    xml.element("type", gpx_type(header.sport))?;
    xml.open("trkseg", &[])?;
    for sample in track.samples(header.start) {
        write_point(&mut xml, &sample)?;
    }
    for name in ["trkseg", "trk", "gpx"] {
        xml.close(name)?;
    }
    Ok(xml.finish())
}

fn write_point<W: Write>(xml: &mut Xml<W>, sample: &Sample) -> io::Result<()> {
    let Some((latitude, longitude)) = sample.position_e7 else { return Ok(()) };
    xml.open(
        "trkpt",
        &[("lat", &format_decimal(latitude, 7)), ("lon", &format_decimal(longitude, 7))],
    )?;
    xml.optional("ele", sample.altitude_dm.map(|altitude| format_decimal(altitude, 1)))?;
    xml.element("time", format_time(sample.at))?;
    write_extensions(xml, sample)?;
    xml.close("trkpt")
}

fn write_extensions<W: Write>(xml: &mut Xml<W>, sample: &Sample) -> io::Result<()> {
    let garmin = sample.heart_rate.or(sample.cadence);
    if garmin.or(sample.watts).or(sample.distance_dm).or(sample.speed_mm_s).is_none() {
        return Ok(());
    }
    xml.open("extensions", &[])?;
    xml.optional("power", sample.watts)?;
    if garmin.is_some() {
        xml.open("gpxtpx:TrackPointExtension", &[])?;
        xml.optional("gpxtpx:hr", sample.heart_rate)?;
        xml.optional("gpxtpx:cad", sample.cadence)?;
        xml.close("gpxtpx:TrackPointExtension")?;
    }
    if let Some(speed) = sample.speed_mm_s {
        xml.open("gpxtpx2:TrackPointExtension", &[])?;
        xml.element("gpxtpx2:speed", format_decimal(speed, 3))?;
        xml.close("gpxtpx2:TrackPointExtension")?;
    }
    xml.optional(
        "gpxdata:distance",
        sample.distance_dm.map(|distance| format_decimal(distance, 1)),
    )?;
    xml.close("extensions")
}

/// Returns the sport in the words of other programs; Strava itself takes it from the upload's `sport_type`.
fn gpx_type(sport: &str) -> &str {
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
