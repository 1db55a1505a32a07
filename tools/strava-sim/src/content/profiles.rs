//! Profiles of the athletes that are not recorded.

use chrono_tz::{America, Asia, Australia, Europe, Pacific, Tz};
use serde_json::{Value, json};

use crate::tracks::Circle;
use crate::world::Athlete;

/// The first athlete, Ana: made of the recorded FIT, GPX and TCX files.
pub const GUARDIAN_ID: i64 = 7001;
/// The second athlete, Milla: seeded and synthetic.
pub const CHILD_ID: i64 = 7002;
/// The third athlete: the one of the recorded API answers.
pub const RECORDED_ID: i64 = 26_462_176;

/// The home of an athlete.
pub(super) struct Home {
    /// Latitude and longitude in degrees.
    pub(super) position: [f64; 2],
    zone: Tz,
    city: &'static str,
    country: &'static str,
}

const HOMES: [Home; 6] = [
    Home::new([41.7636, -2.4649], Europe::Madrid, "Soria", "Spain"),
    Home::new([63.4305, 10.3951], Europe::Oslo, "Trondheim", "Norway"),
    Home::new([-41.2866, 174.7756], Pacific::Auckland, "Wellington", "New Zealand"),
    Home::new([45.5152, -122.6784], America::Los_Angeles, "Portland", "United States"),
    Home::new([27.7172, 85.3240], Asia::Kathmandu, "Kathmandu", "Nepal"),
    Home::new([-31.9523, 115.8613], Australia::Perth, "Perth", "Australia"),
];

impl Home {
    const fn new(position: [f64; 2], zone: Tz, city: &'static str, country: &'static str) -> Self {
        Self { position, zone, city, country }
    }
}

const NAMES: [(&str, &str, &str); 8] = [
    ("Jonas", "Lind", "M"),
    ("Aroha", "Parata", "F"),
    ("Ben", "Okafor", "M"),
    ("Sita", "Gurung", "F"),
    ("Noor", "Haddad", "F"),
    ("Tomás", "Vega", "M"),
    ("Ida", "Nyström", "F"),
    ("Kenji", "Mori", "M"),
];

/// The home of an athlete, by time zone.
pub(super) fn find_home(athlete: &Athlete) -> &'static Home {
    HOMES.iter().find(|home| home.zone == athlete.zone).unwrap_or(&HOMES[0])
}

/// Ana, whose history is the recorded files.
pub(super) fn guardian() -> Athlete {
    let person = Person { id: GUARDIAN_ID, first: "Ana", last: "Ruiz", sex: "F", weight: 61.2 };
    // around the start of one of the recorded rides, so that limited tokens see it cut
    let privacy_zone = Circle { centre: [52.157_763, 4.491_068], radius_m: 150.0 };
    build_athlete(&person, &HOMES[0], Some(privacy_zone))
}

/// Milla, and everybody after the recorded athlete.
pub(super) fn synthetic_athlete(index: u32, seed: u64) -> Athlete {
    if index == 1 {
        let person = Person { id: CHILD_ID, first: "Milla", last: "Ruiz", sex: "F", weight: 44.0 };
        return build_athlete(&person, &HOMES[0], Some(zone_around(&HOMES[0])));
    }
    let (first, last, sex) = NAMES[(index as usize + seed as usize) % NAMES.len()];
    let person = Person {
        id: 7000 + i64::from(index) + 1,
        first,
        last,
        sex,
        weight: 58.0 + f64::from(index % 25),
    };
    let home = &HOMES[index as usize % HOMES.len()];
    build_athlete(&person, home, index.is_multiple_of(2).then(|| zone_around(home)))
}

fn zone_around(home: &Home) -> Circle {
    Circle { centre: home.position, radius_m: 200.0 }
}

struct Person {
    id: i64,
    first: &'static str,
    last: &'static str,
    sex: &'static str,
    weight: f64,
}

fn build_athlete(person: &Person, home: &Home, privacy_zone: Option<Circle>) -> Athlete {
    let gear = build_gear(person.id);
    let gear_of_kind = |letter: char| -> Vec<Value> {
        gear.iter()
            .filter(|item| item["id"].as_str().is_some_and(|id| id.starts_with(letter)))
            .map(summarize_gear)
            .collect()
    };
    let picture =
        |size: &str| format!("https://pictures.example/athletes/{}/{size}.jpg", person.id);
    let profile = json!({
        "id": person.id, "username": format!("{}_{}", person.first.to_lowercase(), person.id), "resource_state": 3,
        "firstname": person.first, "lastname": person.last, "bio": null, "city": home.city, "state": "",
        "country": home.country, "sex": person.sex, "premium": true, "summit": true,
        "created_at": "2017-11-28T19:05:35Z", "updated_at": "2026-01-27T12:57:32Z", "badge_type_id": 1,
        "weight": person.weight, "profile_medium": picture("medium"), "profile": picture("large"),
        "friend": null, "follower": null, "blocked": false, "can_follow": true, "follower_count": 12,
        "friend_count": 14, "mutual_friend_count": 0, "athlete_type": 1, "date_preference": "%m/%d/%Y",
        "measurement_preference": "meters", "clubs": [], "postable_clubs_count": 0, "ftp": null,
        "bikes": gear_of_kind('b'), "shoes": gear_of_kind('g'),
    });
    Athlete {
        id: person.id,
        profile,
        zones: json!({"heart_rate": {"custom_zones": false, "zones": [
            {"min": 0, "max": 115}, {"min": 115, "max": 143}, {"min": 143, "max": 157},
            {"min": 157, "max": 171}, {"min": 171, "max": -1}]}}),
        gear,
        zone: home.zone,
        privacy_zone,
    }
}

fn build_gear(athlete: i64) -> Vec<Value> {
    vec![
        json!({"id": format!("g{athlete}1"), "primary": true, "name": "Blue Shoes", "nickname": "", "resource_state": 3,
            "retired": false, "distance": 412_000, "converted_distance": 412.0, "brand_name": "Plain",
            "model_name": "Blue", "description": null, "notification_distance": 0}),
        json!({"id": format!("b{athlete}1"), "primary": true, "name": "Old Bike", "nickname": "Old Bike",
            "resource_state": 3, "retired": false, "distance": 2_104_000, "converted_distance": 2104.0,
            "brand_name": "Plain", "model_name": "Steel", "frame_type": 3, "description": null, "weight": 9.5}),
    ]
}

/// The summary of gear, as it stands inside the profile and the activities.
pub(crate) fn summarize_gear(gear: &Value) -> Value {
    let mut out = gear.clone();
    if let Some(fields) = out.as_object_mut() {
        for key in [
            "brand_name",
            "model_name",
            "frame_type",
            "description",
            "weight",
            "notification_distance",
        ] {
            fields.remove(key);
        }
        fields.insert("resource_state".to_owned(), json!(2));
    }
    out
}
