//! An athlete who is gone cannot sign in any more.

use std::time::Duration;

use contracts::athletes::{AthleteChanged, Erase, Gone, athlete_changed::Change};
use contracts::{Cause, Envelope, Event, Topic};
use event_bus::{BuiltInLogSettings, Bus, PublisherKind};
use kernel::{AthleteId, EventId, Ids, SystemIds, Timestamp};
use tempfile::TempDir;
use testkit::{databases, eventually};

use crate::test_app::{PASSWORD, TestApp};

pub(crate) fn gone(athlete: AthleteId) -> Vec<u8> {
    encode(athlete, Change::Gone(Gone::default()))
}

pub(crate) fn erase(athlete: AthleteId) -> Vec<u8> {
    encode(athlete, Change::Erase(Erase { application: 1, through_generation: 1 }))
}

fn encode(athlete: AthleteId, change: Change) -> Vec<u8> {
    let at = Timestamp::from_secs(1_800_000_000);
    let body = AthleteChanged { revision: 1, change: Some(change) };
    Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(at)),
        occurred_at: at,
        athlete: Some(athlete),
        origins: Vec::new(),
        cause: Cause::Live,
        replay: false,
        traceparent: String::new(),
        payload: body.into_payload(),
    }
    .encode()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_of_an_athlete_who_is_gone_is_removed_and_no_other() {
    for database in databases().await {
        let (app, folder) = (TestApp::new(&database).await, TempDir::new().unwrap());
        let mut log = BuiltInLogSettings::new(folder.path().join("bus.db"), app.clock.clone());
        log.partitions = 1;
        let bus = Bus::open_built_in(log).await.unwrap();
        bus.ensure_topics(&Topic::ALL).await.unwrap();
        service_kit::spawn(&app.service, &bus, &app.runtime, &app.tasks);
        let leaver = app.add_user("leaver@example.org", false).await;
        app.add_user("stayer@example.org", false).await;

        let publisher = bus.publisher(PublisherKind::Relay);
        publisher.publish(Topic::Athletes, &leaver.to_string(), gone(leaver)).await.unwrap();

        eventually(Duration::from_secs(20), "one account is left", || async {
            let users = app.service.users().await.unwrap();
            let left: Vec<_> = users.into_iter().map(|user| user.email).collect();
            if left == ["stayer@example.org"] { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
        assert_eq!(app.sign_in("leaver@example.org", PASSWORD).await.status, 401);
        assert_eq!(app.sign_in("stayer@example.org", PASSWORD).await.status, 200);
        app.tasks.join(Duration::from_secs(10)).await;
    }
}
