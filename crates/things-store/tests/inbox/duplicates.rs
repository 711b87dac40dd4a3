//! Rules of messages that arrive more than once.

use things_store::inbox::NewMessage;

use crate::maker::{Maker, all, append, at, message, window};

pub(crate) fn a_message_that_was_stored_is_a_duplicate_within_the_window(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    assert_eq!(append(&mut inbox, &[at(0, "a"), at(0, "b")]), [1, 2]);
    assert_eq!(append(&mut inbox, &[at(59, "b"), at(59, "c"), at(59, "a")]), [0, 3, 0]);
    // Only the body counts.
    let other = NewMessage { label: None, headers: Vec::new(), ..at(1, "a") };
    assert_eq!(append(&mut inbox, &[other]), [0]);
    assert_eq!(all(&mut inbox).len(), 3);
}

pub(crate) fn a_message_is_new_once_the_window_is_over(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    assert_eq!(append(&mut inbox, &[at(0, "a")]), [1]);
    assert_eq!(append(&mut inbox, &[at(40, "a")]), [0]);
    // A duplicate does not make the window longer.
    assert_eq!(append(&mut inbox, &[at(60, "a")]), [2]);
    assert_eq!(append(&mut inbox, &[at(119, "a")]), [0]);
    assert_eq!(append(&mut inbox, &[at(120, "a"), at(120, "b")]), [3, 4]);
    assert_eq!(all(&mut inbox).len(), 4);
}

pub(crate) fn equal_messages_of_one_append_are_one(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    let messages = [message("a"), message("b"), message("a"), message("b"), message("c"), message("a")];
    assert_eq!(append(&mut inbox, &messages), [1, 2, 0, 0, 3, 0]);
    assert_eq!(append(&mut inbox, &messages), [0; 6]);
    assert_eq!(all(&mut inbox).len(), 3);
}

pub(crate) fn a_window_of_zero_keeps_every_message(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(0));
    assert_eq!(append(&mut inbox, &[message("a"), message("b"), message("a")]), [1, 2, 3]);
    assert_eq!(append(&mut inbox, &[message("a")]), [4]);
    drop(inbox);
    let mut inbox = maker.receiver(&window(0));
    assert_eq!(append(&mut inbox, &[message("a")]), [5]);
    let bodies: String = all(&mut inbox).into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, "abaaa");
}

pub(crate) fn duplicates_are_known_after_a_restart(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    append(&mut inbox, &[at(0, "a"), at(30, "b")]);
    drop(inbox);
    let mut inbox = maker.receiver(&window(60));
    assert_eq!(append(&mut inbox, &[at(59, "a"), at(59, "b"), at(59, "c")]), [0, 0, 3]);
    assert_eq!(append(&mut inbox, &[at(70, "a"), at(70, "b")]), [4, 0]);
    assert_eq!(all(&mut inbox).len(), 4);
}

pub(crate) fn a_duplicate_of_a_removed_message_is_not_stored_again(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    append(&mut inbox, &[at(0, "a"), at(0, "b")]);
    assert_eq!(inbox.remove_before(3).unwrap(), 2);
    assert_eq!(append(&mut inbox, &[at(9, "a"), at(9, "c")]), [0, 3]);
}

pub(crate) fn a_clock_that_is_set_back_does_not_make_a_message_new(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    assert_eq!(append(&mut inbox, &[at(1_000, "a")]), [1]);
    assert_eq!(append(&mut inbox, &[at(0, "a"), at(0, "b")]), [0, 2]);
}
