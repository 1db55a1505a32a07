//! Seeded histories, plausible and with the irregular cases that real ones have.

use std::f64::consts::{PI, TAU};

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::profiles::find_home;
use crate::options::Options;
use crate::times::{local_to_utc, part_of_day, utc_offset_at};
use crate::tracks::{polyline, round};
use crate::world::{Activity, Athlete, OptionalField, StreamSource, SummaryActivity};

/// Seconds before the start of the simulator that stay free, so that live activities overlap nothing.
const FREE_S: i64 = 26 * 3600;
const DEVICE: &str = "Garmin Forerunner 55";

/// Builds years of history, a good half of the days active.
pub(super) fn build_years(athlete: &Athlete, options: &Options, now_s: i64) -> Vec<Activity> {
    let mut builder = HistoryBuilder::new(athlete, options.seed, now_s);
    let mut out = Vec::new();
    for date in builder.days_back().take(options.years as usize * 365) {
        let clock_changes = clock_changes_on(athlete.zone, date);
        if clock_changes || builder.random.random_bool(0.55) {
            out.extend(builder.build_day(date, clock_changes));
        }
    }
    out
}

/// Builds an exact number of activities, one a day.
pub(super) fn build_count(athlete: &Athlete, seed: u64, count: usize, now_s: i64) -> Vec<Activity> {
    let mut builder = HistoryBuilder::new(athlete, seed, now_s);
    let days = builder.days_back();
    days.filter_map(|date| builder.build_day(date, clock_changes_on(athlete.zone, date)))
        .take(count)
        .collect()
}

/// Adds a loop course from home, heart rate, cadence and heights to a summary without measurements.
pub(crate) fn add_sensor_data(summary: &mut SummaryActivity, athlete: &Athlete, gps: bool) {
    summary.has_heartrate = true;
    summary.display_hide_heartrate_option = true;
    summary.average_heartrate = Some(142.0);
    summary.max_heartrate = Some(168.0);
    summary.average_cadence = matches!(summary.kind.as_str(), "Run" | "Ride").then_some(82.0);
    summary.set_device_upload();
    summary.device_name = Some(DEVICE.to_owned());
    summary.trainer = !gps;
    if gps && summary.distance > 0.0 {
        let bearing = (summary.id % 360) as f64;
        set_loop_course(summary, athlete, bearing);
        summary.elev_low = Some(1000.0);
        summary.elev_high = Some(1000.0 + summary.total_elevation_gain.clamp(1.0, 60.0));
    }
}

/// Sets a round course of about the summary's distance that begins and ends at home.
fn set_loop_course(summary: &mut SummaryActivity, athlete: &Athlete, bearing: f64) {
    const CORNERS: usize = 36;
    const METRES_PER_LAT: f64 = 110_540.0;
    let home = find_home(athlete).position;
    let radius = summary.distance / TAU;
    let metres_per_lng = 111_320.0 * home[0].to_radians().cos();
    let offset = |from: [f64; 2], angle: f64| {
        [
            from[0] + radius * angle.cos() / METRES_PER_LAT,
            from[1] + radius * angle.sin() / metres_per_lng,
        ]
    };
    let centre = offset(home, bearing);
    let corner = |number| offset(centre, bearing + PI + number as f64 / CORNERS as f64 * TAU);
    let points: Vec<[f64; 2]> = (0..=CORNERS).map(corner).collect();
    let start = points[0].map(|axis| (axis * 1e5).round() / 1e5);
    summary.map.summary_polyline = polyline::encode(&points);
    summary.start_latlng = OptionalField::Value(start.to_vec());
    summary.end_latlng = OptionalField::Value(start.to_vec());
}

fn clock_changes_on(zone: Tz, date: NaiveDate) -> bool {
    let midnight = local_to_utc(zone, date.and_time(NaiveTime::MIN));
    utc_offset_at(zone, midnight) != utc_offset_at(zone, midnight + 86_400)
}

struct Sport {
    name: &'static str,
    title: &'static str,
    metres: [f64; 2],
    speed: [f64; 2],
}

impl Sport {
    const fn new(
        name: &'static str,
        title: &'static str,
        metres: [f64; 2],
        speed: [f64; 2],
    ) -> Self {
        Self { name, title, metres, speed }
    }
}

const SPORTS: [Sport; 8] = [
    Sport::new("Run", "Run", [3000.0, 15_000.0], [2.4, 3.6]),
    Sport::new("TrailRun", "Trail Run", [5000.0, 18_000.0], [2.0, 2.9]),
    Sport::new("Ride", "Ride", [12_000.0, 70_000.0], [5.5, 8.5]),
    Sport::new("GravelRide", "Gravel Ride", [15_000.0, 50_000.0], [4.5, 7.0]),
    Sport::new("Walk", "Walk", [1500.0, 7000.0], [1.1, 1.6]),
    Sport::new("Swim", "Swim", [800.0, 2500.0], [0.6, 1.0]),
    Sport::new("Hike", "Hike", [5000.0, 16_000.0], [0.9, 1.3]),
    Sport::new("WeightTraining", "Weight Training", [0.0, 0.0], [1.0, 1.0]),
];

/// Indexes of `SPORTS`, by how often they occur.
const SPORT_MIX: [usize; 14] = [0, 0, 0, 0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 2];

struct HistoryBuilder<'a> {
    athlete: &'a Athlete,
    random: ChaCha8Rng,
    today: NaiveDate,
    /// Latest end: the start of the next newer activity, or the free hours.
    before_s: i64,
    built: i64,
}

impl<'a> HistoryBuilder<'a> {
    fn new(athlete: &'a Athlete, seed: u64, now_s: i64) -> Self {
        Self {
            athlete,
            random: ChaCha8Rng::seed_from_u64(
                seed ^ athlete.id.unsigned_abs().wrapping_mul(0x9e37_79b9),
            ),
            today: DateTime::<Utc>::from_timestamp(now_s, 0).unwrap_or_default().date_naive(),
            before_s: now_s - FREE_S,
            built: 0,
        }
    }

    /// The days before today, newest first.
    fn days_back(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let today = self.today;
        (1..).map_while(move |days| today.checked_sub_days(Days::new(days)))
    }

    /// Builds the activity of a day; `None` if it would overlap the newer one.
    fn build_day(&mut self, date: NaiveDate, clock_changes: bool) -> Option<Activity> {
        let number = self.built + 1;
        // late runs in zones far away on both sides of UTC, as on a journey
        let (zone, late) = match number % 19 {
            7 => (chrono_tz::Pacific::Auckland, true),
            13 => (chrono_tz::America::Los_Angeles, true),
            17 => (self.athlete.zone, true),
            _ => (self.athlete.zone, clock_changes),
        };
        let (hour, minute) = if late { (23, 40) } else { self.random_time_of_day() };
        let local =
            date.and_time(NaiveTime::from_hms_opt(hour, minute, self.random.random_range(0..60))?);
        let start_s = local_to_utc(zone, local);
        let sport =
            &SPORTS[if late { 0 } else { SPORT_MIX[self.random.random_range(0..SPORT_MIX.len())] }];
        let mut summary = self.build_summary(sport, hour);
        if start_s + summary.elapsed_time + 600 > self.before_s {
            return None;
        }
        self.built = number;
        self.before_s = start_s;
        summary.set_start(start_s, zone);
        let mut activity = Activity::new(summary, StreamSource::Synthetic);
        activity.calories = (activity.summary.moving_time as f64 / 6.0).round();
        add_irregularity(&mut activity, number);
        Some(activity)
    }

    fn random_time_of_day(&mut self) -> (u32, u32) {
        let hour = if self.random.random_bool(0.5) {
            self.random.random_range(6..9)
        } else {
            self.random.random_range(16..20)
        };
        (hour, self.random.random_range(0..60))
    }

    fn next_id(&self) -> i64 {
        let number = self.built + 1;
        let athlete = self.athlete.id % 1000;
        if number % 10 == 4 {
            9_007_199_254_800_001 + athlete * 10_000_000 + number * 2
        } else {
            12_000_000_000 + athlete * 10_000_000 + number * 7
        }
    }

    fn build_summary(&mut self, sport: &Sport, hour: u32) -> SummaryActivity {
        let id = self.next_id();
        let mut summary = SummaryActivity::new(id, self.athlete.id, sport.name);
        let stationary = sport.metres[1] <= 0.0;
        if stationary {
            summary.moving_time = self.random.random_range(1500..3600);
            summary.trainer = true;
        } else {
            let metres = self.random.random_range(sport.metres[0]..sport.metres[1]);
            let speed = self.random.random_range(sport.speed[0]..sport.speed[1]);
            summary.distance = round(metres, 1);
            summary.moving_time = (metres / speed) as i64;
            summary.average_speed = round(metres / summary.moving_time.max(1) as f64, 3);
            summary.max_speed = round(speed * 1.6, 3);
        }
        let pause = if self.random.random_bool(0.6) { self.random.random_range(5..400) } else { 0 };
        summary.elapsed_time = summary.moving_time + pause;
        summary.name = format!("{} {}", part_of_day(i64::from(hour)), sport.title);
        summary.workout_type = match summary.kind.as_str() {
            "Run" => OptionalField::Value(i64::from(self.random.random_bool(0.1)) * 2),
            "Ride" => OptionalField::Null,
            _ => OptionalField::Absent,
        };
        self.add_sensors(&mut summary, stationary || sport.name == "Swim");
        summary.set_device_upload();
        summary.device_name = Some(DEVICE.to_owned());
        summary.kudos_count = self.random.random_range(0..9);
        summary
    }

    fn add_sensors(&mut self, summary: &mut SummaryActivity, indoors: bool) {
        let beats = round(self.random.random_range(118.0..165.0), 1);
        summary.has_heartrate = true;
        summary.display_hide_heartrate_option = true;
        summary.average_heartrate = Some(beats);
        summary.max_heartrate = Some((beats + self.random.random_range(6.0..25.0)).round());
        summary.suffer_score = Some((summary.moving_time as f64 / 70.0).round());
        if indoors {
            summary.trainer = true;
            return;
        }
        let letter = if summary.kind == "Ride" { 'b' } else { 'g' };
        summary.gear_id = Some(format!("{letter}{}1", self.athlete.id));
        summary.average_cadence = match summary.kind.as_str() {
            "Run" => Some(round(self.random.random_range(76.0..86.0), 1)),
            "Ride" => Some(round(self.random.random_range(70.0..90.0), 1)),
            _ => None,
        };
        summary.average_temp = Some(self.random.random_range(-2..28));
        if summary.kind == "Ride" && self.random.random_bool(0.5) {
            let watts = round(self.random.random_range(120.0..230.0), 1);
            summary.average_watts = Some(watts);
            summary.max_watts = Some((watts * 2.5) as i64);
            summary.weighted_average_watts = Some((watts * 1.08) as i64);
            summary.kilojoules = Some(round(watts * summary.moving_time as f64 / 1000.0, 1));
            summary.device_watts = Some(self.random.random_bool(0.7));
        }
        let hill = round(self.random.random_range(5.0..60.0), 1);
        let low = round(self.random.random_range(900.0..1050.0), 1);
        summary.elev_low = Some(low);
        summary.elev_high = Some(round(low + hill, 1));
        summary.total_elevation_gain = round(hill * f64::from(self.random.random_range(1..4)), 1);
        let bearing = self.random.random_range(0.0..TAU);
        set_loop_course(summary, self.athlete, bearing);
    }
}

/// Adds the irregular cases, spread by number so that every history of some length has each.
fn add_irregularity(activity: &mut Activity, number: i64) {
    if number % 23 == 9 {
        make_manual(activity);
    } else if number % 17 == 3 {
        remove_gps(&mut activity.summary);
    }
    if number % 13 == 2 {
        activity.summary.set_visibility("followers_only");
    }
    if number % 31 == 10 {
        activity.summary.set_visibility("only_me");
    }
    if number % 37 == 11 {
        "Parkour".clone_into(&mut activity.summary.sport_type);
        "Workout".clone_into(&mut activity.summary.kind);
    }
    if number % 41 == 12 {
        let summary = &mut activity.summary;
        summary.average_cadence = None;
        summary.average_temp = None;
        summary.elev_high = None;
        summary.elev_low = None;
        summary.device_name = None;
        summary.workout_type = OptionalField::Absent;
    }
    if number % 29 == 5 {
        activity.hide_start();
    }
    if number % 43 == 6 {
        activity.summary.name = format!("{} with Milla", activity.summary.name);
    }
}

fn make_manual(activity: &mut Activity) {
    let old = &activity.summary;
    let mut summary = SummaryActivity::new(old.id, old.athlete.id, &old.sport_type);
    summary.name.clone_from(&old.name);
    summary.distance = old.distance;
    summary.moving_time = old.moving_time;
    summary.elapsed_time = old.moving_time;
    summary.average_speed = old.average_speed;
    summary.start_date.clone_from(&old.start_date);
    summary.start_date_local.clone_from(&old.start_date_local);
    summary.timezone.clone_from(&old.timezone);
    summary.utc_offset = old.utc_offset;
    summary.manual = true;
    activity.summary = summary;
    activity.source = StreamSource::Manual;
}

/// Removes the positions, in one of the three ways in which Strava leaves them out.
fn remove_gps(summary: &mut SummaryActivity) {
    summary.trainer = true;
    summary.map.summary_polyline = String::new();
    summary.elev_high = None;
    summary.elev_low = None;
    summary.total_elevation_gain = 0.0;
    let empty = match summary.id % 3 {
        0 => OptionalField::Value(Vec::new()),
        1 => OptionalField::Null,
        _ => OptionalField::Absent,
    };
    summary.start_latlng = empty.clone();
    summary.end_latlng = empty;
}
