//! Every transaction fails at every statement and around its commit; in the end everything is as if none had.

use std::time::Duration;

use contracts::athletes::{
    AthleteChanged, Connection, ConnectionState, Erase, athlete_changed::Change,
};
use contracts::exports::ExportRequested;
use contracts::{Envelope, Topic};
use kernel::AthleteId;
use outbox::StoreFaults;
use testkit::TestDatabase;

use crate::test_app::{APPLICATION, Activity, TestApp, envelope, new_athlete};

/// The transactions that meet every fault: all of stats but `rebuild_totals`, which runs at a start,
/// `verify_totals`, which commits nothing, and those of the outbox and of replays (see ingest).
const TRANSACTIONS: [&str; 6] = [
    "answer_export",
    "apply_activity",
    "erase_athlete",
    "erase_batch",
    "finish_erase",
    "record_connection",
];
/// Athletes per round: what fails for one is handled for another, which shortens the pauses.
const ATHLETES: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn io_errors_at_any_statement_or_commit_change_nothing_in_the_end() {
    run_scenario(TestDatabase::sqlite(), StoreFaults::io_errors()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_killed_around_any_statement_or_commit_change_nothing_in_the_end() {
    let database = TestDatabase::mariadb().await;
    let killer = database.connect_to_server().await;
    run_scenario(database, StoreFaults::kills(killer)).await;
}

async fn run_scenario(database: TestDatabase, faults: StoreFaults) {
    let app = TestApp::with_faults(database, faults.clone()).await;
    faults.arm();
    let mut unmet = TRANSACTIONS.to_vec();
    for _round in 0..150 {
        count_and_erase(&app).await;
        unmet.retain(|name| !faults.names()[0].contains(name));
        if unmet.is_empty() {
            break;
        }
    }
    assert_eq!(unmet, Vec::<&str>::new(), "{:?}", faults.names());
    app.stop().await;
}

async fn count_and_erase(app: &TestApp) {
    let athletes: Vec<_> = (0..ATHLETES).map(|_| new_athlete()).collect();
    for athlete in &athletes {
        let connected = Connection {
            application: APPLICATION,
            generation: 1,
            state: ConnectionState::Connected.into(),
            ..Connection::default()
        };
        app.publish(Topic::Athletes, changed(*athlete, 1, Change::Connection(connected))).await;
        let first = Activity::new(*athlete).revision(3);
        app.publish(Topic::Activities, first.clone()).await;
        app.publish(Topic::Activities, first.revision(4).distance_dm(123_000)).await;
        app.publish(Topic::Activities, Activity::new(*athlete).revision(5)).await;
        // What is not answered is asked for again.
        let export = ExportRequested { id: uuid::Uuid::nil().to_string(), requested_at_us: 1 };
        app.publish(Topic::Exports, envelope(Some(*athlete), Vec::new(), export)).await;
    }
    wait_until_handled(app).await;
    for athlete in &athletes {
        let total = app.total(*athlete).await;
        assert_eq!(total["count"], 2, "{total}");
        assert_eq!(total["distance_m"], 12_300.0 + 10_000.0, "{total}");
        testkit::eventually(Duration::from_mins(1), "the totals are verified", async || {
            app.service.verify(*athlete).await
        })
        .await;
        let erase = Change::Erase(Erase { application: APPLICATION, through_generation: 1 });
        app.publish(Topic::Athletes, changed(*athlete, 10, erase)).await;
    }
    wait_until_handled(app).await;
    testkit::eventually(Duration::from_mins(2), "everything is erased", async || {
        // What failed is due again after a pause of the clock, which stands still.
        app.clock.advance(Duration::from_secs(1));
        for athlete in &athletes {
            let total = app.total(*athlete).await;
            if total["count"] != 0 {
                return Err(total);
            }
        }
        Ok(())
    })
    .await;
}

/// The pauses after failures are longer than other tests wait.
async fn wait_until_handled(app: &TestApp) {
    testkit::eventually(Duration::from_mins(2), "everything is handled", async || {
        match app.bus.total_lag().await.unwrap() {
            0 => Ok(()),
            left => Err(left),
        }
    })
    .await;
}

fn changed(athlete: AthleteId, revision: i64, change: Change) -> Envelope {
    envelope(Some(athlete), Vec::new(), AthleteChanged { revision, change: Some(change) })
}
