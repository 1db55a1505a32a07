//! Fences: one fenced pair drops a message.

use contracts::{Cause, Erasure, Topic, athletes};
use kernel::{ApplicationId, Generation};
use outbox::{AthleteTx, Database, OutboxMessage, StoreError};
use testkit::databases;

use crate::support::{athlete, message, open, origin, step};

fn through(application: i64, generation: i64) -> Erasure {
    Erasure::Connection {
        application: ApplicationId::new(application),
        through: Generation::new(generation),
    }
}

async fn read_fence<T: Send>(
    database: &Database,
    of: u128,
    read: impl Fn(&AthleteTx) -> T + Send + Sync,
) -> T {
    let read = &read;
    database
        .run("read_fence", athlete(of), |tx| async move { Ok::<_, StoreError>(read(&tx)) })
        .await
        .unwrap()
}

async fn raise(database: &Database, erasure: Erasure) -> bool {
    let raise = |tx: AthleteTx| async move { tx.raise_fence(erasure).await };
    database.run("raise", athlete(1), raise).await.unwrap()
}

#[tokio::test]
async fn a_message_of_a_fenced_generation_is_shut_out_and_a_newer_one_is_not() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        assert!(raise(&database, through(1, 3)).await);
        read_fence(&database, 1, |tx| {
            assert!(tx.is_fenced(&[origin(1, 3)]), "{}", of.engine());
            assert!(tx.is_fenced(&[origin(1, 4), origin(1, 2)]), "one fenced pair drops a message");
            assert!(
                !tx.is_fenced(&[origin(1, 4)])
                    && !tx.is_fenced(&[origin(2, 1)])
                    && !tx.is_fenced(&[])
            );
        })
        .await;
        let stranger = read_fence(&database, 2, |tx| tx.is_fenced(&[origin(1, 1)])).await;
        assert!(!stranger, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_fence_only_rises_and_says_when_it_did_not() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        assert!(raise(&database, through(1, 3)).await);
        assert!(!raise(&database, through(1, 3)).await, "{}", of.engine());
        assert!(!raise(&database, through(1, 2)).await, "{}", of.engine());
        assert!(raise(&database, through(1, 5)).await, "{}", of.engine());
        let minimum = read_fence(&database, 1, |tx| tx.min_generation(ApplicationId::new(1))).await;
        assert_eq!(minimum, Some(Generation::new(6)), "{}", of.engine());
    }
}

#[tokio::test]
async fn an_athlete_who_is_gone_is_shut_out_whatever_the_origin() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        assert!(raise(&database, Erasure::Everything).await);
        assert!(!raise(&database, Erasure::Everything).await, "{}", of.engine());
        let shut_out = read_fence(&database, 1, |tx| {
            tx.is_gone() && tx.is_fenced(&[]) && tx.is_fenced(&[origin(9, 9)])
        })
        .await;
        assert!(shut_out, "{}", of.engine());
    }
}

fn erase_message() -> OutboxMessage<athletes::AthleteChanged> {
    let erase = athletes::Erase { application: 1, through_generation: 1 };
    OutboxMessage {
        topic: Topic::Athletes,
        athlete: Some(athlete(1)),
        origins: vec![origin(1, 1)],
        cause: Cause::Operator,
        replay: false,
        body: athletes::AthleteChanged {
            revision: 1,
            change: Some(athletes::athlete_changed::Change::Erase(erase)),
        },
    }
}

#[tokio::test]
async fn an_erase_deletes_what_waits_in_the_outbox_but_not_its_own_message() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let deleted = database
            .run("erase", athlete(1), |tx| async move {
                for generation in 1..=2 {
                    let mut of_generation = message(athlete(1), generation);
                    of_generation.origins = vec![origin(1, generation)];
                    tx.publish(of_generation).await?;
                }
                tx.publish(erase_message()).await?;
                tx.raise_fence(through(1, 1)).await?;
                let (mut deleted, mut after) = (0, Some(String::new()));
                while let Some(place) = after {
                    let batch = tx.delete_fenced_outbox(&place, 1).await?;
                    (deleted, after) = (deleted + batch.0, batch.1);
                }
                Ok::<_, StoreError>(deleted)
            })
            .await
            .unwrap();
        assert_eq!(deleted, 1, "{}", of.engine());
        let select = "SELECT value FROM outbox WHERE topic = 'journal'";
        let left: Vec<Vec<u8>> =
            outbox::sql::fetch_scalars(database.readers(), select, []).await.unwrap();
        let left: Vec<_> = left.iter().map(|value| step(value)).collect();
        assert_eq!(left, ["2"], "{}", of.engine());
        assert_eq!(
            of.query_i64("SELECT COUNT(*) FROM outbox WHERE topic = 'athletes'").await,
            1,
            "{}",
            of.engine()
        );
    }
}
