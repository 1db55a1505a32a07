//! The models with recorded responses of Strava (see `testdata/`).
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod simulated;

use std::path::PathBuf;

use kernel::StravaActivityId;
use strava_client::{DetailedActivity, SummaryActivity, UploadOutcome, UploadStatus};

fn read_recording(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/strava").join(name);
    std::fs::read_to_string(&path).expect(name)
}

#[test]
fn every_recorded_summary_is_read() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/strava/athlete-activities-pages");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for activity in serde_json::from_str::<Vec<SummaryActivity>>(&text).unwrap() {
            read += 1;
            assert!(activity.sport().is_known(), "{:?}", activity.sport_type);
            assert!(
                activity.timezone_name().is_some_and(|zone| zone.contains('/')),
                "{:?}",
                activity.timezone
            );
            let local = activity.start_date_local.and_utc().timestamp();
            assert_eq!(
                local - activity.start_date.as_secs(),
                activity.utc_offset_s(),
                "{}",
                activity.id
            );
        }
    }
    assert!(read > 300, "{read}");
}

#[test]
fn the_recorded_marathon_is_read_with_its_summary() {
    let activity: DetailedActivity =
        serde_json::from_str(&read_recording("activity-run-marathon-detail.json")).unwrap();
    assert_eq!(activity.summary.id.get(), 1_946_417_534);
    assert_eq!(activity.summary.distance, Some(42_268.1));
    assert!(activity.calories.is_some());
    let manual: DetailedActivity =
        serde_json::from_str(&read_recording("activity-created-manual.json")).unwrap();
    assert!(manual.summary.manual && manual.summary.start_latlng.is_none());
}

#[test]
fn every_recorded_upload_response_is_read() {
    let exchanges: Vec<serde_json::Value> =
        serde_json::from_str(&read_recording("exchanges.json")).unwrap();
    let mut outcomes = Vec::new();
    for exchange in &exchanges {
        let url = exchange["request"]["url"].as_str().unwrap_or_default();
        let body = exchange["response"]["body"].as_str().unwrap_or_default();
        if url.contains("/uploads") {
            outcomes.push(serde_json::from_str::<UploadStatus>(body).expect(body).outcome());
        }
    }
    let made = StravaActivityId::new(8_319_193_780);
    let of_2018 = UploadOutcome::Ready(StravaActivityId::new(1_998_557_443));
    assert_eq!(
        outcomes,
        [
            UploadOutcome::Processing,
            UploadOutcome::Processing,
            UploadOutcome::Ready(made),
            UploadOutcome::Processing,
            UploadOutcome::Processing,
            UploadOutcome::Duplicate(made),
            UploadOutcome::Processing,
            UploadOutcome::Processing,
            of_2018,
        ]
    );
}
