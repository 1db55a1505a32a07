//! The conformance suite: the same claims on the built-in log and on Apache Kafka, and what only one of them can show.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod built_in_only;
mod conformance;
mod kafka_only;
mod kill;
mod support;

/// Every claim, once per transport.
macro_rules! on_both {
    ($($module:ident :: $claim:ident;)*) => {
        mod built_in {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() {
                let world = crate::support::World::built_in(3).await;
                crate::$module::$claim(&world).await;
                world.close().await;
            })*
        }
        mod kafka {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() {
                let world = crate::support::World::kafka(3).await;
                crate::$module::$claim(&world).await;
                world.close().await;
            })*
        }
    };
}

on_both! {
    conformance::records_of_a_key_are_handled_in_order_and_none_is_lost;
    conformance::what_was_settled_does_not_come_again_after_a_restart;
    conformance::what_was_in_hand_at_a_hard_stop_comes_again;
    conformance::a_soft_stop_finishes_what_is_in_hand;
    conformance::two_groups_each_receive_everything_at_their_own_pace;
    conformance::a_group_that_starts_late_reads_from_the_beginning;
    conformance::a_record_that_cannot_be_handled_is_parked_and_the_next_is_handled;
    conformance::a_failing_record_is_parked_after_its_attempts_and_holds_up_no_other_key;
    conformance::what_may_not_be_parked_is_tried_until_it_succeeds;
    conformance::a_handler_that_panics_parks_the_record_and_nothing_else;
    conformance::a_slow_key_does_not_hold_up_another;
    conformance::what_is_away_pauses_without_loss_and_without_counting;
    conformance::parking_that_fails_is_tried_again_and_nothing_is_skipped;
    conformance::a_kind_nobody_handles_is_skipped;
    conformance::more_than_fits_in_hand_is_read_in_portions_and_in_order;
    conformance::a_record_for_every_partition_reaches_each_once;
    conformance::a_record_too_large_is_refused_and_its_neighbours_are_not;
    conformance::an_existing_topic_is_left_as_it_is_and_its_difference_named;
    conformance::what_is_not_settled_is_counted;
    conformance::an_event_arrives_as_it_was_sent;
    kill::what_was_acknowledged_survives_a_kill_while_publishing;
    kill::after_a_kill_while_handling_everything_is_handled_and_little_twice;
}
