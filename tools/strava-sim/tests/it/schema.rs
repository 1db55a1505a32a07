//! TestResponses against Strava's own definition, with the relaxations that real answers need too.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::test_app::{ALL_SCOPES, ALL_STREAMS, ANA, MILLA, RECORDED, TestApp};

/// The ways in which real answers break the definition: name and reason of each.
const RELAXATIONS: [(&str, &str); 6] = [
    ("null", "optional fields come as null"),
    ("empty LatLng", "activities without positions have [] where two numbers are due"),
    ("integral float", "integers come as 474287.0"),
    ("pace zone", "zone distributions of type pace exist"),
    ("later sport", "a later Strava has sport types that the definition does not know"),
    ("fractional zone", "pace zones have fractional bounds"),
];

fn read_testdata(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/strava").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

static DEFINITION: LazyLock<Value> = LazyLock::new(|| read_testdata("strava-v3-bundled.json"));

struct SchemaChecker {
    strict: bool,
    errors: Vec<String>,
}

impl SchemaChecker {
    fn new(strict: bool) -> Self {
        Self { strict, errors: Vec::new() }
    }

    fn allows(&self, what: &str) -> bool {
        assert!(RELAXATIONS.iter().any(|(name, _)| *name == what), "unlisted relaxation {what}");
        !self.strict
    }

    fn check(&mut self, schema: &Value, value: &Value, path: &str) {
        if let Some(target) = schema["$ref"].as_str() {
            let pointer = target.trim_start_matches('#').to_owned();
            let schema =
                DEFINITION.pointer(&pointer).unwrap_or_else(|| panic!("{pointer} is missing"));
            if pointer.ends_with("/LatLng") && value == &json!([]) && self.allows("empty LatLng") {
                return;
            }
            if pointer.ends_with("/SportType") && value == "Parkour" && self.allows("later sport") {
                return;
            }
            return self.check(schema, value, path);
        }
        if value.is_null() && self.allows("null") {
            return;
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.check(part, value, path);
        }
        if let Some(kind) = schema["type"].as_str()
            && !self.has_type(value, kind, path)
        {
            return self.errors.push(format!("{path}: {value} is no {kind}"));
        }
        self.check_bounds(schema, value, path);
        if let (Some(known), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
            for (key, schema) in known {
                if let Some(value) = fields.get(key) {
                    self.check(schema, value, &format!("{path}.{key}"));
                }
            }
        }
        if let (true, Some(items)) = (schema["items"].is_object(), value.as_array()) {
            for (index, item) in items.iter().enumerate() {
                self.check(&schema["items"], item, &format!("{path}[{index}]"));
            }
        }
    }

    fn has_type(&self, value: &Value, kind: &str, path: &str) -> bool {
        match kind {
            "integer" => {
                let integral = value.as_f64().is_some_and(|number| number.fract() == 0.0);
                value.is_i64()
                    || (integral && self.allows("integral float"))
                    || (value.is_f64()
                        && path.contains("distribution_buckets")
                        && self.allows("fractional zone"))
            }
            "number" => value.is_number(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("unknown type {other}"),
        }
    }

    fn check_bounds(&mut self, schema: &Value, value: &Value, path: &str) {
        if let Some(allowed) = schema["enum"].as_array() {
            let pace = value == "pace"
                && path.rsplit('.').next() == Some("type")
                && self.allows("pace zone");
            if !allowed.contains(value) && !pace {
                self.errors.push(format!("{path}: {value} is none of the values"));
            }
        }
        let count = value.as_array().map(|items| items.len() as u64);
        let few =
            schema["minItems"].as_u64().zip(count).is_some_and(|(least, count)| count < least);
        let many = schema["maxItems"].as_u64().zip(count).is_some_and(|(most, count)| count > most);
        let low = schema["minimum"]
            .as_f64()
            .zip(value.as_f64())
            .is_some_and(|(least, number)| number < least);
        let high = schema["maximum"]
            .as_f64()
            .zip(value.as_f64())
            .is_some_and(|(most, number)| number > most);
        if few || many || low || high {
            self.errors.push(format!("{path}: {value} is out of bounds"));
        }
    }
}

/// The schema of an answer, by method, path and status of the definition.
fn answer_schema(method: &str, path: &str, status: &str) -> Value {
    let schema = DEFINITION["paths"][path][method]["responses"][status]["schema"].clone();
    assert!(schema.is_object(), "{method} {path} {status} is not defined");
    schema
}

fn find_errors(schema: &Value, value: &Value, strict: bool) -> Vec<String> {
    let mut checker = SchemaChecker::new(strict);
    checker.check(schema, value, "");
    checker.errors
}

#[test]
fn recorded_answers_pass_with_the_relaxations_and_not_without() {
    for (file, path, status) in [
        ("athlete.json", "/athlete", "200"),
        ("athlete-activities-default-page.json", "/athlete/activities", "200"),
        ("activity-run-marathon-detail.json", "/activities/{id}", "200"),
        ("activity-laps.json", "/activities/{id}/laps", "200"),
        ("activity-zones.json", "/activities/{id}/zones", "200"),
        ("athlete-stats.json", "/athletes/{id}/stats", "200"),
        ("athlete-zones.json", "/athlete/zones", "200"),
        ("gear-shoe.json", "/gear/{id}", "200"),
        ("activity-streams-distance.json", "/activities/{id}/streams", "200"),
    ] {
        let schema = answer_schema("get", path, status);
        assert_eq!(
            find_errors(&schema, &read_testdata(file), false),
            Vec::<String>::new(),
            "{file}"
        );
    }
    let list = answer_schema("get", "/athlete/activities", "200");
    assert!(
        !find_errors(&list, &read_testdata("athlete-activities-default-page.json"), true)
            .is_empty()
    );
}

#[test]
fn the_checker_finds_wrong_types_values_and_sizes() {
    let schema = answer_schema("get", "/activities/{id}", "200");
    for wrong in [
        json!({"id": "5"}),
        json!({"sport_type": "Flying"}),
        json!({"start_latlng": [1.0]}),
        json!({"laps": [{"distance": "far"}]}),
        json!({"moving_time": 1.5}),
    ] {
        assert_eq!(find_errors(&schema, &wrong, false).len(), 1, "{wrong}");
    }
}

#[tokio::test]
async fn every_answer_fits_the_definition() {
    let app = TestApp::start().await;
    for athlete in [ANA, MILLA, RECORDED] {
        let token = app.access_token(athlete, ALL_SCOPES).await;
        let check = async |path: &str, defined: &str| {
            let answer = app.get(&token, path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            let schema = answer_schema("get", defined, "200");
            assert_eq!(find_errors(&schema, &answer.json(), false), Vec::<String>::new(), "{path}");
        };
        check("/athlete", "/athlete").await;
        check("/athlete/zones", "/athlete/zones").await;
        check(&format!("/athletes/{athlete}/stats"), "/athletes/{id}/stats").await;
        check("/athlete/activities?per_page=200", "/athlete/activities").await;
        let profile = app.get_json(&token, "/athlete").await;
        if athlete != RECORDED {
            check(&format!("/gear/{}", profile["shoes"][0]["id"].as_str().unwrap()), "/gear/{id}")
                .await;
        }
        let items = app.list_activities(&token, "per_page=200").await;
        for item in items.iter().filter(|item| item["manual"] == false).step_by(11) {
            let path = format!("/activities/{}", item["id"]);
            check(&path, "/activities/{id}").await;
            check(&format!("{path}/laps"), "/activities/{id}/laps").await;
            check(&format!("{path}/zones"), "/activities/{id}/zones").await;
            check(
                &format!("{path}/streams?keys={ALL_STREAMS}&key_by_type=true"),
                "/activities/{id}/streams",
            )
            .await;
        }
    }
}

#[tokio::test]
async fn a_manual_entry_fits_the_definition_and_looks_like_the_recorded_one() {
    let (app, token) = TestApp::start_connected(RECORDED).await;
    let fields = [
        ("name", "strava-ruby-client activity"),
        ("sport_type", "Run"),
        ("start_date_local", "2025-10-18 19:04:26 -0400"),
        ("elapsed_time", "1234"),
        ("distance", "1000"),
        ("description", "Test"),
    ];
    let answer = app.post_form(&token, "/activities", &fields).await;
    assert_eq!(answer.status, 201);
    let created = answer.json();
    assert_eq!(
        find_errors(&answer_schema("post", "/activities", "201"), &created, false),
        Vec::<String>::new()
    );
    let recorded = read_testdata("activity-created-manual.json");
    for key in [
        "start_date",
        "start_date_local",
        "utc_offset",
        "timezone",
        "manual",
        "trainer",
        "moving_time",
        "elapsed_time",
        "upload_id",
        "external_id",
        "start_latlng",
        "segment_efforts",
        "best_efforts",
        "distance",
        "average_speed",
    ] {
        assert_eq!(created[key], recorded[key], "{key}");
    }
    for key in ["laps", "splits_metric", "splits_standard", "device_name", "upload_id_str"] {
        assert!(created.get(key).is_none(), "{key} must be absent");
    }
    assert_eq!(created["map"]["polyline"], "");
    let streams =
        app.get(&token, &format!("/activities/{}/streams?keys=time", created["id"])).await;
    assert_eq!(streams.status, 404);
}
