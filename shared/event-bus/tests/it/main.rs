//! The conformance suite: the same tests on the built-in log and on Apache Kafka, and those of one transport alone.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod built_in_only;
mod conformance;
mod kafka_only;
mod kill;
mod support;

/// Expands every test once per transport.
macro_rules! on_both {
    ($($module:ident :: $test:ident;)*) => {
        mod built_in {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let log = crate::support::TestLog::open_built_in(3).await;
                crate::$module::$test(&log).await;
                log.close().await;
            })*
        }
        mod kafka {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let log = crate::support::TestLog::open_kafka(3).await;
                crate::$module::$test(&log).await;
                log.close().await;
            })*
        }
    };
}

on_both! {
    conformance::records_of_a_key_are_handled_in_order_and_none_is_lost;
    conformance::what_was_settled_does_not_come_again_after_a_restart;
    conformance::a_record_interrupted_by_a_hard_stop_comes_again;
    conformance::a_soft_stop_finishes_the_running_record;
    conformance::two_groups_each_receive_everything_at_their_own_pace;
    conformance::a_group_that_starts_late_reads_from_the_beginning;
    conformance::a_record_that_cannot_be_handled_is_parked_and_the_next_is_handled;
    conformance::a_failing_record_is_parked_and_delays_no_other_key;
    conformance::what_may_not_be_parked_is_tried_until_it_succeeds;
    conformance::a_handler_that_panics_parks_the_record_and_nothing_else;
    conformance::a_slow_key_does_not_hold_up_another;
    conformance::an_outage_pauses_without_loss_and_without_counting;
    conformance::parking_that_fails_is_tried_again_and_nothing_is_skipped;
    conformance::a_kind_without_a_handler_is_skipped;
    conformance::more_records_than_fit_in_memory_are_read_in_portions_in_order;
    conformance::a_record_for_every_partition_reaches_each_once;
    conformance::a_record_too_large_is_refused_and_its_neighbours_are_not;
    conformance::an_existing_topic_is_left_as_it_is_and_its_difference_named;
    conformance::partitions_are_counted_and_an_unknown_topic_is_not_created;
    conformance::epochs_are_kept_by_their_names;
    conformance::what_is_not_settled_is_counted;
    conformance::an_event_arrives_as_it_was_sent;
    kill::what_was_acknowledged_survives_a_kill_while_publishing;
    kill::after_a_kill_while_handling_everything_is_handled_and_little_twice;
}
