//! The OpenAPI description is true of the routes.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::TestDatabase;

use crate::test_app::{Activity, TestApp, new_athlete};

#[tokio::test]
async fn every_described_route_answers_with_the_described_fields() {
    let athlete = new_athlete();
    let app = TestApp::publishing(TestDatabase::sqlite(), Some(athlete)).await;
    app.publish_live(Activity::new(athlete)).await;
    let api = serde_json::to_value(stats::Service::openapi()).unwrap();
    let mut seen = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        let answer = if path.starts_with("/v1/me") {
            app.get_summary(athlete, "").await
        } else {
            app.get(path).await
        };
        assert_eq!(answer.status, 200, "{path}");
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let described = fields(&api, schema);
        let first = match answer.json() {
            Value::Array(items) => items[0].clone(),
            one => one,
        };
        let fields_shown: BTreeSet<String> = first.as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields_shown, described, "{path}");
        seen += 1;
    }
    assert_eq!(seen, 6);
    app.stop().await;
}

fn fields(api: &Value, schema: &Value) -> BTreeSet<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return fields(api, api.pointer(name.trim_start_matches('#')).unwrap());
    }
    if schema["type"] == "array" {
        return fields(api, &schema["items"]);
    }
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}
