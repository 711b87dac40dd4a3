//! What every inbox promises, tried on each of them, and what only one of them promises.
//!
//! A rule is a function over a [`Maker`](maker::Maker) of inboxes. A new store implements `Maker` and names itself once, at the
//! end of this file.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod consumers;
mod duplicates;
mod full;
mod maker;
mod messages;
#[cfg(all(unix, feature = "postgres"))]
mod postgres;
mod refusals;
mod sqlite;
#[cfg(all(unix, feature = "postgres"))]
#[path = "../postgres/wire.rs"]
mod wire;

/// Makes a test of each rule of all inboxes.
macro_rules! inbox_rules {
    ($maker:ty) => {
        inbox_rules! { $maker, messages:
            messages_are_read_in_the_order_in_which_they_were_appended
            a_message_is_kept_as_it_is
            a_large_body_is_kept
            an_empty_append_stores_nothing
            messages_are_read_page_by_page
            an_inbox_without_messages_has_none
            removed_messages_are_gone_and_their_ids_are_not_used_again
            a_receiver_goes_on_where_the_last_one_ended
            random_appends_have_the_same_result_as_the_model
        }
        inbox_rules! { $maker, duplicates:
            a_message_that_was_stored_is_a_duplicate_within_the_window
            a_message_is_new_once_the_window_is_over
            equal_messages_of_one_append_are_one
            a_window_of_zero_keeps_every_message
            duplicates_are_known_after_a_restart
            a_duplicate_of_a_removed_message_is_not_stored_again
            a_clock_that_is_set_back_does_not_make_a_message_new
        }
        inbox_rules! { $maker, consumers:
            each_consumer_has_its_own_cursor
            a_cursor_never_moves_back
            a_consumer_that_is_not_advanced_gets_its_messages_again
            a_cursor_is_not_moved_past_the_newest_message
            the_name_of_a_consumer_is_checked
            a_consumer_cannot_append
            a_consumer_reads_while_a_receiver_writes
        }
    };
    ($maker:ty, $module:ident: $($rule:ident)*) => {
        $(#[test]
        fn $rule() {
            if <$maker as crate::maker::Maker>::is_available() {
                crate::$module::$rule(&<$maker>::default());
            }
        })*
    };
}

mod tests_of_sqlite {
    inbox_rules! { crate::sqlite::Sqlite }
}

#[cfg(all(unix, feature = "postgres"))]
mod tests_of_postgres {
    inbox_rules! { crate::postgres::Postgres }
}
