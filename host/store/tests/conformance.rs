//! The guarantees of every backend, as one suite. It runs on the embedded store in memory and in a file, on Dynoxide
//! over real HTTP, and on the server at `SIGNALBOX_TEST_DYNAMODB`, if set (for example `http://127.0.0.1:8000`;
//! credentials in `SIGNALBOX_TEST_DYNAMODB_ACCESS_KEY` and `…_SECRET` when the endpoint checks them).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

#[path = "conformance/backends.rs"]
mod backends;
#[path = "conformance/decisions.rs"]
mod decisions;
#[path = "conformance/deliveries.rs"]
mod deliveries;
#[path = "conformance/durability.rs"]
mod durability;
#[path = "conformance/effects.rs"]
mod effects;
#[path = "conformance/failures.rs"]
mod failures;
#[path = "conformance/fires.rs"]
mod fires;
#[path = "conformance/inputs.rs"]
mod inputs;
#[path = "conformance/journals.rs"]
mod journals;
#[path = "conformance/leases.rs"]
mod leases;
#[path = "conformance/many_hosts.rs"]
mod many_hosts;
#[path = "conformance/message_models.rs"]
mod message_models;
#[path = "conformance/newer.rs"]
mod newer;
#[path = "conformance/provisioning.rs"]
mod provisioning;
#[path = "conformance/raw.rs"]
mod raw;
#[path = "conformance/reviews.rs"]
mod reviews;
#[path = "conformance/rows.rs"]
mod rows;
#[path = "conformance/samples.rs"]
mod samples;
#[path = "conformance/schedules.rs"]
mod schedules;
#[path = "conformance/sessions.rs"]
mod sessions;
#[path = "conformance/setup.rs"]
mod setup;
#[path = "conformance/timeline.rs"]
mod timeline;
#[path = "conformance/unreadable.rs"]
mod unreadable;
#[path = "conformance/upgrades.rs"]
mod upgrades;

/// Runs each guarantee as a test of its own on every backend that starts with the test, and all of them in one test on
/// the endpoint, one after another on one set of tables.
macro_rules! guarantees {
    ($($module:ident::$guarantee:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $guarantee() {
                let backend = crate::backends::memory().await;
                crate::$module::$guarantee(&backend.store).await;
            })+
        }
        mod in_a_file {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $guarantee() {
                let backend = crate::backends::file().await;
                crate::$module::$guarantee(&backend.store).await;
            })+
        }
        mod over_http {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $guarantee() {
                let backend = crate::backends::http().await;
                crate::$module::$guarantee(&backend.store).await;
            })+
        }
        mod at_the_endpoint {
            use std::pin::Pin;

            use signalbox_store::Store;

            /// Boxed, because all of them in one future would not fit on a test's stack.
            type Guarantee = for<'a> fn(&'a Store) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

            const GUARANTEES: &[(&str, Guarantee)] = &[
                $((concat!(stringify!($module), "::", stringify!($guarantee)), |store| {
                    Box::pin(crate::$module::$guarantee(store))
                })),+
            ];

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn every_guarantee_holds() {
                let Some(endpoint) = crate::backends::Endpoint::from_env() else {
                    println!("skipped: SIGNALBOX_TEST_DYNAMODB names no endpoint");
                    return;
                };
                // Hosts that start at once on an account without tables.
                let (store, other, third) = tokio::join!(endpoint.open(), endpoint.open(), endpoint.open());
                other.check().await.unwrap();
                third.check().await.unwrap();
                for (name, guarantee) in GUARANTEES {
                    println!("{name}");
                    guarantee(&store).await;
                }
                endpoint.remove_tables().await;
            }
        }
    };
}

guarantees! {
    setup::the_store_answers_a_check,
    decisions::a_committed_decision_is_read_back_as_it_was,
    decisions::a_second_commit_answers_the_first_record,
    decisions::a_second_commit_with_a_session_answers_the_first_record_and_leaves_the_session,
    decisions::of_many_concurrent_commits_exactly_one_is_new,
    decisions::commits_that_wait_together_are_each_answered_for_themselves,
    decisions::concurrent_decisions_of_one_conversation_all_commit,
    decisions::a_decision_is_not_found_under_another_business,
    decisions::a_large_decision_is_compressed_and_read_back,
    decisions::a_decision_too_large_for_an_item_is_refused_by_name,
    decisions::decisions_are_listed_by_time_in_both_orders_page_by_page,
    decisions::a_range_between_two_cursors_leaves_both_out,
    decisions::a_cursor_of_another_business_is_refused,
    decisions::a_limit_out_of_range_is_refused,
    decisions::a_resume_continues_after_the_cursor_and_the_overlap_looks_back,
    decisions::similar_decisions_are_of_the_same_type_and_code_newest_first,
    decisions::decisions_with_odd_names_stay_apart,
    deliveries::a_delivery_is_open_until_it_is_answered_and_then_answered_the_same,
    deliveries::an_empty_answer_is_an_answer,
    deliveries::another_body_under_the_id_of_a_delivery_is_a_conflict,
    deliveries::a_delivery_is_never_taken_for_a_pending_input,
    deliveries::answering_a_delivery_that_never_came_names_it,
    deliveries::a_signature_counts_where_it_was_shown_first_and_nowhere_else,
    effects::a_decision_without_effects_is_never_pending,
    effects::delivered_effects_leave_the_pending_decisions,
    effects::withheld_effects_are_pending_once_they_are_released,
    effects::an_effect_is_pending_when_its_time_has_come,
    effects::effects_waiting_for_a_person_are_listed_apart,
    effects::a_message_in_the_mailbox_is_due_at_its_time_and_stays_resumable_whatever_becomes_of_it,
    effects::a_final_state_is_never_undone,
    effects::concurrent_updates_of_different_effects_all_hold,
    effects::an_update_of_what_is_not_there_names_it,
    effects::pending_decisions_come_longest_due_first,
    effects::open_effects_of_a_business_are_listed_page_by_page_whatever_their_state,
    effects::backlogs_are_counted_by_what_is_left_to_do,
    leases::a_leased_decision_is_found_by_no_other_host_until_the_lease_ends,
    leases::of_many_hosts_exactly_one_gets_a_lease,
    leases::a_host_that_has_lost_its_lease_can_say_only_what_is_final,
    leases::effects_are_added_under_a_lease_each_once_and_by_no_host_that_has_lost_it,
    leases::a_report_ends_the_lease_when_it_is_the_last_one,
    leases::what_is_held_back_is_listed_for_its_target_and_its_attempts_are_not_counted,
    leases::held_back_effects_are_looked_at_before_a_later_effect_of_their_decision,
    leases::a_dead_letter_is_listed_until_an_operator_has_it_attempted_again_or_cancels_it,
    leases::no_command_changes_an_effect_that_a_host_is_attempting,
    reviews::a_decision_under_review_is_read_back_and_listed_for_its_business,
    reviews::an_approval_lets_what_was_withheld_leave,
    reviews::a_rejection_drops_what_was_withheld_and_says_why,
    reviews::what_leaves_at_once_is_not_held_up_by_a_review,
    reviews::an_edit_sends_other_actions_under_the_same_ids,
    reviews::an_edit_with_more_actions_gives_no_id_twice,
    reviews::actions_come_with_an_edit_and_only_then,
    reviews::the_same_input_again_is_answered_as_the_first_time_and_others_learn_who_was_first,
    reviews::of_many_concurrent_reviewers_exactly_one_wins,
    reviews::what_never_waited_for_a_person_is_not_under_review,
    reviews::a_review_that_nobody_took_expires_once_its_time_is_over,
    reviews::whoever_comes_after_the_expiry_is_too_late,
    reviews::expired_reviews_come_longest_over_first,
    reviews::reviews_are_listed_oldest_first_page_by_page,
    reviews::a_review_without_a_request_on_record_can_be_resolved,
    reviews::a_decision_as_large_as_one_may_be_can_be_reviewed_and_delivered,
    inputs::an_input_is_accepted_once,
    inputs::of_many_concurrent_acceptances_exactly_one_is_new,
    inputs::a_finished_input_is_no_longer_pending_and_still_known,
    inputs::pending_inputs_come_oldest_first,
    inputs::pending_inputs_that_are_left_alone_hide_no_others,
    inputs::pending_inputs_with_the_same_id_and_time_hide_none_of_another_business,
    inputs::finishing_what_was_never_accepted_names_it,
    inputs::the_same_input_id_of_two_businesses_is_two_inputs,
    inputs::the_same_body_again_is_a_duplicate_and_another_is_a_conflict,
    inputs::an_inputs_state_tells_whether_it_is_finished,
    inputs::a_delivery_of_a_webhook_is_no_input,
    inputs::attempts_at_an_input_are_counted_until_one_ends,
    journals::a_journal_is_read_back,
    journals::a_journal_of_many_parts_is_read_back,
    journals::a_shorter_journal_replaces_a_longer_one,
    journals::a_missing_journal_is_none,
    sessions::a_session_is_what_the_last_decision_left,
    sessions::an_expired_session_is_not_returned,
    sessions::sessions_of_other_users_and_businesses_stay_apart,
    message_models::a_message_model_is_created_once_and_replaced_when_it_changes,
    message_models::usage_is_counted_and_survives_a_replacement,
    message_models::variants_of_one_code_stay_apart,
    message_models::of_a_codes_models_the_first_that_are_wanted_are_given_in_order,
    message_models::counting_a_missing_model_names_it,
    message_models::models_of_all_codes_are_listed_once_page_by_page,
    message_models::a_model_whose_names_are_too_long_is_refused_by_name,
    schedules::a_schedule_is_put_once_and_read_back,
    schedules::every_kind_of_schedule_is_read_back,
    schedules::a_new_definition_keeps_the_pause_and_raises_the_generation,
    schedules::a_schedule_is_paused_and_resumed,
    schedules::a_cancelled_schedule_is_gone_and_can_be_made_again,
    schedules::what_was_asked_for_earlier_never_undoes_what_was_asked_for_later,
    schedules::concurrent_changes_of_one_schedule_all_count,
    schedules::a_businesss_schedules_are_listed_by_name,
    schedules::all_schedules_are_listed_once_page_by_page,
    schedules::a_schedule_without_a_proper_name_is_refused,
    fires::a_tick_is_claimed_once,
    fires::of_many_concurrent_claims_exactly_one_wins,
    fires::a_claim_by_an_outdated_definition_is_stale,
    fires::a_finished_tick_is_the_schedules_last_and_stays_claimed,
    fires::a_tick_that_was_left_out_is_handled_and_is_not_the_last,
    fires::an_older_tick_that_ends_later_is_not_the_last,
    fires::the_past_of_a_schedule_outlives_its_definition_and_ends_with_it,
    fires::a_tick_whose_owner_died_is_taken_over_once,
    fires::unfinished_ticks_come_longest_over_first,
    fires::unfinished_ticks_that_are_left_alone_hide_no_others,
    fires::finishing_a_tick_that_nobody_claimed_names_it,
    rows::versions_start_at_one_and_grow_by_one,
    rows::conditions_are_kept,
    rows::a_repeated_write_is_answered_as_the_first_time,
    rows::a_repeated_write_behind_a_later_one_is_answered_as_the_first_time,
    rows::a_repeated_deletion_is_answered_as_the_first_time,
    rows::a_deleted_row_is_gone_and_can_be_made_again,
    rows::concurrent_writers_lose_no_write,
    rows::of_concurrent_writers_on_one_version_one_wins,
    rows::ranges_give_the_rows_between_their_bounds,
    rows::pages_give_every_row_once_in_both_directions,
    rows::a_page_ends_before_it_is_larger_than_it_may_be,
    rows::a_cursor_of_another_partition_scope_or_direction_is_refused,
    rows::malformed_keys_items_and_ranges_are_refused,
    rows::a_large_row_is_read_back,
    rows::rows_of_one_scope_are_never_read_by_another,
    rows::queries_over_any_keys_agree_with_a_sorted_map,
}
