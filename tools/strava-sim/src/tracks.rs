//! Recordings: the contents of FIT, GPX and TCX files, and the streams made of them.

mod fit;
mod geometry;
mod gpx;
pub(crate) mod polyline;
mod recording;
mod stream_targets;
mod streams;
mod tcx;
mod track;
mod xml;

pub(crate) use geometry::{Circle, elevation_gain, positions_along, round};
pub(crate) use recording::{Recording, gunzip};
pub(crate) use stream_targets::StreamTargets;
pub(crate) use streams::Streams;
pub(crate) use track::{Lap, TrackError};
