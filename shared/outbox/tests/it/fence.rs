//! Fences: one fenced pair drops a message.

use contracts::{Cause, Erasure, Topic, athletes};
use kernel::{ApplicationId, Generation};
use outbox::{Database, OutboxMessage};
use testkit::databases;

use crate::support::{athlete, message, open, origin, step};

fn through(application: i64, generation: i64) -> Erasure {
    Erasure::Connection {
        application: ApplicationId::new(application),
        through: Generation::new(generation),
    }
}

async fn raise(database: &Database, erasure: Erasure) -> bool {
    let mut effect = database.effect(athlete(1)).await.unwrap();
    let raised = effect.raise_fence(erasure).await.unwrap();
    effect.commit().await.unwrap();
    raised
}

#[tokio::test]
async fn a_message_of_a_fenced_generation_is_shut_out_and_a_newer_one_is_not() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        assert!(raise(&database, through(1, 3)).await);
        let effect = database.effect(athlete(1)).await.unwrap();
        assert!(effect.is_fenced(&[origin(1, 3)]), "{}", of.engine());
        assert!(effect.is_fenced(&[origin(1, 4), origin(1, 2)]), "one fenced pair drops a message");
        assert!(
            !effect.is_fenced(&[origin(1, 4)])
                && !effect.is_fenced(&[origin(2, 1)])
                && !effect.is_fenced(&[])
        );
        drop(effect);
        let stranger = database.effect(athlete(2)).await.unwrap();
        assert!(!stranger.is_fenced(&[origin(1, 1)]), "{}", of.engine());
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
        let effect = database.effect(athlete(1)).await.unwrap();
        assert_eq!(
            effect.min_generation(ApplicationId::new(1)),
            Some(Generation::new(6)),
            "{}",
            of.engine()
        );
    }
}

#[tokio::test]
async fn an_athlete_who_is_gone_is_shut_out_whatever_the_origin() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        assert!(raise(&database, Erasure::Everything).await);
        assert!(!raise(&database, Erasure::Everything).await, "{}", of.engine());
        let effect = database.effect(athlete(1)).await.unwrap();
        assert!(
            effect.is_gone() && effect.is_fenced(&[]) && effect.is_fenced(&[origin(9, 9)]),
            "{}",
            of.engine()
        );
    }
}

#[tokio::test]
async fn an_erase_takes_what_waits_in_the_outbox_but_not_the_word_of_itself() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let mut effect = database.effect(athlete(1)).await.unwrap();
        for generation in 1..=2 {
            let mut of_generation = message(athlete(1), generation);
            of_generation.origins = vec![origin(1, generation)];
            effect.publish(of_generation).await.unwrap();
        }
        let erase = athletes::Erase { application: 1, through_generation: 1 };
        let change = Some(athletes::athlete_changed::Change::Erase(erase));
        let word = OutboxMessage {
            topic: Topic::Athletes,
            athlete: Some(athlete(1)),
            origins: vec![origin(1, 1)],
            cause: Cause::Operator,
            replay: false,
            body: athletes::AthleteChanged { revision: 1, change },
        };
        effect.publish(word).await.unwrap();
        effect.raise_fence(through(1, 1)).await.unwrap();
        assert_eq!(effect.forget_fenced().await.unwrap(), 1, "{}", of.engine());
        effect.commit().await.unwrap();
        let left = outbox::sql::all(
            database.readers(),
            "SELECT value FROM outbox WHERE topic = 'journal'",
            [],
        )
        .await;
        let left: Vec<_> = left
            .unwrap()
            .iter()
            .map(|row| step(&row.try_get::<Vec<u8>>("", "value").unwrap()))
            .collect();
        assert_eq!(left, ["2"], "{}", of.engine());
        assert_eq!(
            of.number("SELECT COUNT(*) FROM outbox WHERE topic = 'athletes'").await,
            1,
            "{}",
            of.engine()
        );
    }
}
