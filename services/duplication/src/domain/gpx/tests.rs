//! Round trips through a reader that knows the schema's order and nothing of the writer.

use std::collections::BTreeMap;

use kernel::Timestamp;
use proptest::prelude::*;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::*;

/// An element with its namespace resolved.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }
}

/// Parses a document into its tree; panics at the first thing that is not well-formed.
fn parse(file: &[u8]) -> Element {
    let mut reader = NsReader::from_str(std::str::from_utf8(file).unwrap());
    let mut open = vec![Element::default()];
    loop {
        let (space, event) = reader.read_resolved_event().unwrap();
        match event {
            Event::Start(start) => {
                let space = match space {
                    ResolveResult::Bound(space) => prefix_of(space.as_ref()),
                    other => panic!("{other:?} of {start:?}"),
                };
                let attributes = start.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    (attribute.key.as_ref().to_owned(), attribute.value.to_string())
                });
                let attributes = attributes.collect();
                let name = format!("{space}{}", start.local_name().as_ref());
                open.push(Element { name, attributes, ..Element::default() });
            }
            Event::End(_) => {
                let done = open.pop().unwrap();
                open.last_mut().unwrap().children.push(done);
            }
            Event::Text(text) => open.last_mut().unwrap().text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = match &*reference {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "quot" => '"',
                    "apos" => '\'',
                    _ => reference.resolve_char_ref().unwrap().unwrap(),
                };
                open.last_mut().unwrap().text.push(character);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open.len(), 1, "an element was left open");
    open.remove(0).children.remove(0)
}

fn prefix_of(space: &str) -> &'static str {
    match space {
        GPX => "",
        TPX => "v1:",
        TPX2 => "v2:",
        DATA => "data:",
        other => panic!("a namespace nobody declared: {other}"),
    }
}

/// Order of the children of each element in GPX 1.1, by hand.
const ORDERS: [(&str, &str); 6] = [
    ("gpx", "metadata wpt rte trk extensions"),
    ("metadata", "name desc author copyright link time keywords bounds extensions"),
    ("trk", "name cmt desc src link number type extensions trkseg"),
    ("trkseg", "trkpt extensions"),
    ("trkpt", "ele time magvar geoidheight name cmt desc src type extensions"),
    ("v1:TrackPointExtension", "v1:atemp v1:wtemp v1:depth v1:hr v1:cad"),
];

fn assert_in_order(element: &Element) {
    let Some((_, order)) = ORDERS.iter().find(|(name, _)| *name == element.name) else { return };
    let place = |child: &Element| {
        let found = order.split(' ').position(|name| name == child.name);
        found.unwrap_or_else(|| panic!("{} in {}", child.name, element.name))
    };
    let places: Vec<usize> = element.children.iter().map(place).collect();
    assert!(places.is_sorted(), "the order inside {}", element.name);
}

fn assert_valid(gpx: &Element) {
    assert_in_order(gpx);
    let whole = || gpx.text.parse::<i64>().unwrap();
    let degrees = |name: &str| gpx.attributes[name].parse::<f64>().unwrap().abs();
    match gpx.name.as_str() {
        "gpx" => {
            assert_eq!(gpx.attributes["version"], "1.1");
            assert_eq!(gpx.attributes["creator"], "Paceline");
        }
        "trkpt" => assert!(degrees("lat") <= 90.0 && degrees("lon") <= 180.0),
        "extensions" => {
            let foreign = |child: &Element| child.name.contains(':') || child.name == "power";
            assert!(gpx.children.iter().all(foreign), "{:?}", gpx.children);
        }
        "v1:hr" => assert!((1..=255).contains(&whole())),
        "v1:cad" => assert!((0..=254).contains(&whole())),
        _ => {}
    }
    gpx.children.iter().for_each(assert_valid);
}

fn number(text: Option<&str>, unit: f64) -> Option<i64> {
    text.map(|text| (text.parse::<f64>().unwrap() * unit).round() as i64)
}

/// Returns the samples a reader finds.
fn read_samples(gpx: &Element) -> Vec<Sample> {
    let points = &gpx.child("trk").unwrap().child("trkseg").unwrap().children;
    points
        .iter()
        .map(|point| {
            let more = point.child("extensions");
            let garmin = more.and_then(|more| more.child("v1:TrackPointExtension"));
            let degrees =
                |name: &str| (point.attributes[name].parse::<f64>().unwrap() * 1e7).round() as i64;
            let second = more.and_then(|more| more.child("v2:TrackPointExtension"));
            let at = chrono::DateTime::parse_from_rfc3339(point.text_of("time").unwrap()).unwrap();
            Sample {
                at: Timestamp::from_micros(at.timestamp_micros()),
                position_e7: Some((degrees("lat"), degrees("lon"))),
                distance_dm: number(more.and_then(|more| more.text_of("data:distance")), 10.0),
                altitude_dm: number(point.text_of("ele"), 10.0),
                speed_mm_s: number(second.and_then(|second| second.text_of("v2:speed")), 1000.0),
                heart_rate: number(garmin.and_then(|garmin| garmin.text_of("v1:hr")), 1.0),
                cadence: number(garmin.and_then(|garmin| garmin.text_of("v1:cad")), 1.0),
                watts: number(more.and_then(|more| more.text_of("power")), 1.0),
            }
        })
        .collect()
}

fn header(name: &str) -> TrackHeader<'_> {
    TrackHeader { name, sport: "TrailRun", start: Timestamp::from_secs(1_792_000_000) }
}

fn tracks() -> impl Strategy<Value = Track> {
    let point = (
        0_i64..400,
        -900_000_000_i64..=900_000_000,
        -1_800_000_000_i64..=1_800_000_000,
        -4_000_i64..88_480,
    );
    let body =
        (0_i64..300, 0_i64..300, proptest::option::of(0_i64..2_000), 0_i64..20_000, 0_i64..900);
    (proptest::collection::vec((point, body), 0..40), any::<[bool; 4]>()).prop_map(|(rows, has)| {
        let mut track = Track::default();
        let (mut second, mut way) = (0, 0);
        for ((gap, latitude, longitude, altitude), (heart, turns, watts, speed, step)) in rows {
            second += gap;
            way += step;
            track.seconds.push(second);
            track.latitude_e7.push(latitude);
            track.longitude_e7.push(longitude);
            track.altitude_dm.push(altitude);
            track.distance_dm.push(way);
            if has[0] {
                track.heart_rate.push(heart);
            }
            if has[1] {
                track.cadence.push(turns);
            }
            if has[2] {
                track.watts.push(watts);
            }
            if has[3] {
                track.speed_mm_s.push(speed);
            }
        }
        track
    })
}

proptest! {
    #[test]
    fn what_is_written_is_valid_and_reads_back_sample_by_sample(track in tracks(), name in "\\PC{0,30}") {
        let file = write(Vec::new(), header(&name), &track).unwrap();
        let gpx = parse(&file);
        assert_valid(&gpx);
        prop_assert_eq!(gpx.child("trk").unwrap().text_of("name").unwrap(), name.as_str());
        prop_assert_eq!(read_samples(&gpx), track.samples(header("").start).collect::<Vec<_>>());
    }

    #[test]
    fn heart_rate_that_is_not_shared_is_nowhere_in_the_file(track in tracks()) {
        let beats: Vec<i64> = track.heart_rate.clone();
        let file = write(Vec::new(), header("Run"), &track.without_heart_rate()).unwrap();
        let text = String::from_utf8(file).unwrap();
        prop_assert!(!text.contains(":hr>") && !text.contains("heartrate"), "{} beats", beats.len());
    }
}

#[test]
fn a_pause_stays_a_jump_in_time() {
    let track = Track {
        seconds: vec![0, 1, 901],
        latitude_e7: vec![-5, 10, 20],
        longitude_e7: vec![0, -1_234_567, 1_800_000_000],
        altitude_dm: vec![-12, 0, 15],
        heart_rate: vec![120, 0, 130],
        ..Track::default()
    };
    let file =
        String::from_utf8(write(Vec::new(), header("Milla & <me>"), &track).unwrap()).unwrap();
    assert!(
        file.contains("<name>Milla &amp; &lt;me&gt;</name><type>trail_running</type>"),
        "{file}"
    );
    assert!(
        file.contains(
            r#"<trkpt lat="-0.0000005" lon="0.0000000"><ele>-1.2</ele><time>2026-10-14T"#
        ),
        "{file}"
    );
    let times: Vec<i64> =
        read_samples(&parse(file.as_bytes())).iter().map(|sample| sample.at.as_secs()).collect();
    assert_eq!(times, [1_792_000_000, 1_792_000_001, 1_792_000_901]);
}
