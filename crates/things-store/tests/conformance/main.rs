//! What every store promises, tried on each of them.
//!
//! A rule is a function over a [`Maker`](maker::Maker) of stores or a [`LedgerMaker`](maker::LedgerMaker) of ledgers. A new
//! store implements `Maker` and names itself once, at the end of this file.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod jobs;
mod maker;
mod memory;
mod model;
#[cfg(all(unix, feature = "postgres"))]
mod postgres;
mod resolutions;
mod rules;
mod runs;
mod sqlite;

/// Makes a test of each rule of all ledgers.
macro_rules! ledger_rules {
    ($maker:ty) => {
        ledger_rules! { $maker, rules:
            items_are_claimed_in_the_order_of_the_input
            no_more_are_claimed_than_requested
            an_item_that_is_sending_is_not_claimed
            an_item_that_has_ended_is_not_claimed
            an_item_that_may_be_sent_again_waits_first
            a_wait_never_carries_an_item_past_its_not_after
            an_item_past_its_not_after_ends_without_a_claim
            each_claim_has_another_token
            an_outcome_with_another_token_changes_nothing
            an_outcome_may_be_recorded_twice
            a_ledger_without_items_has_nothing_to_wait_for
            a_transaction_without_a_time_records
            downlinks_to_one_device_are_limited_over_24_hours
            a_refused_downlink_frees_its_device_for_the_next_one
            downlinks_that_were_not_sent_do_not_count_for_their_device
            a_device_of_two_customers_is_one_device
            an_item_that_waits_for_its_device_ends_at_its_not_after
            many_items_of_one_device_do_not_stop_the_others
        }
        ledger_rules! { $maker, model:
            random_transactions_have_the_same_result_as_the_model
        }
    };
    ($maker:ty, $module:ident: $($rule:ident)*) => {
        $(#[test]
        fn $rule() {
            if <$maker as crate::maker::LedgerMaker>::is_available() {
                crate::$module::$rule(&<$maker>::default());
            }
        })*
    };
}

/// Makes a test of each rule of all stores, those of ledgers included.
macro_rules! store_rules {
    ($maker:ty) => {
        ledger_rules! { $maker }
        ledger_rules! { $maker, jobs:
            a_job_keeps_its_items_as_they_are
            an_item_without_a_reference_gets_one
            a_job_of_which_an_item_fails_is_not_created
            a_job_is_created_once
            a_job_is_created_and_opened_at_once
            jobs_are_listed_with_the_newest_first
            ids_are_listed_with_the_newest_first_and_by_digest
            items_are_read_page_by_page_and_by_state
            a_store_without_jobs_has_none
            a_job_that_does_not_exist_is_an_error
            a_job_of_another_account_is_not_opened
            a_removed_job_is_gone_with_its_items
            readers_see_a_run_while_it_goes_on
            an_item_keeps_what_a_run_recorded
        }
        ledger_rules! { $maker, runs:
            what_was_sending_when_a_run_ended_is_unknown_and_never_claimed
            the_next_run_sends_what_was_not_sent_and_may_be
            refused_items_are_sent_again_on_request_only
            waits_end_with_their_run
            tries_count_from_the_beginning_of_a_run
            a_late_outcome_ends_an_unknown_item
            an_outcome_that_is_final_never_changes
            the_limit_of_a_device_holds_over_all_jobs
            items_whose_first_record_names_no_device_are_counted_alone
            a_removed_job_does_not_count_for_its_devices
            random_jobs_have_the_same_counts_as_the_model
        }
        ledger_rules! { $maker, resolutions:
            an_unknown_item_is_resolved_as_accepted
            an_unknown_item_that_did_not_arrive_is_sent_by_the_next_run
            only_an_unknown_item_is_resolved
            an_item_whose_request_may_be_in_flight_is_not_resolved_as_not_sent
        }
    };
}

mod tests_of_memory {
    ledger_rules! { crate::memory::Memory }
}

mod tests_of_sqlite {
    store_rules! { crate::sqlite::Sqlite }
}

#[cfg(all(unix, feature = "postgres"))]
mod tests_of_postgres {
    store_rules! { crate::postgres::Postgres }
}
