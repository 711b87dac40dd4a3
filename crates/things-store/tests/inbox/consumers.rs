//! Rules of those who read.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::maker::{Maker, append, message, window};

pub(crate) fn each_consumer_has_its_own_cursor(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    append(&mut inbox, &[message("a"), message("b"), message("c")]);
    let mut consumer = maker.consumer();
    for name in ["one", "another", "é ' \" %"] {
        assert_eq!(consumer.cursor(name).unwrap(), 0);
    }
    consumer.advance("one", 2).unwrap();
    consumer.advance("é ' \" %", 3).unwrap();
    drop(consumer);
    let mut consumer = maker.consumer();
    let cursors = ["one", "another", "é ' \" %"].map(|name| consumer.cursor(name).unwrap());
    assert_eq!(cursors, [2, 0, 3]);
    // The receiver sees them, too.
    assert_eq!(inbox.cursor("one").unwrap(), 2);
    inbox.advance("another", 1).unwrap();
    assert_eq!(consumer.cursor("another").unwrap(), 1);
}

pub(crate) fn a_cursor_never_moves_back(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    append(&mut inbox, &[message("a"), message("b"), message("c")]);
    for (id, cursor) in [(2, 2), (1, 2), (2, 2), (0, 2), (3, 3)] {
        inbox.advance("reader", id).unwrap();
        assert_eq!(inbox.cursor("reader").unwrap(), cursor);
    }
}

pub(crate) fn a_consumer_that_is_not_advanced_gets_its_messages_again(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    append(&mut inbox, &[message("a"), message("b"), message("c")]);
    for expected in [[1, 2], [1, 2], [2, 3]] {
        // Each is a new process that fails, or that is done with one message.
        let mut consumer = maker.consumer();
        let read = consumer.cursor("reader").unwrap();
        let ids: Vec<u64> = consumer.read(read, 2).unwrap().iter().map(|message| message.id).collect();
        assert_eq!(ids, expected);
        if append(&mut inbox, &[message("d")]) == [0] {
            consumer.advance("reader", ids[0]).unwrap();
        }
    }
}

pub(crate) fn a_cursor_is_not_moved_past_the_newest_message(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    append(&mut inbox, &[message("a")]);
    for id in [2, u64::MAX] {
        let error = inbox.advance("reader", id).unwrap_err();
        assert!(error.message().contains(&format!("no message {id} yet: its newest is 1")), "{error}");
        assert!(error.advice().is_some(), "{error}");
    }
    assert_eq!(inbox.cursor("reader").unwrap(), 0);
    inbox.remove_before(2).unwrap();
    inbox.advance("reader", 1).unwrap();
    assert_eq!(inbox.cursor("reader").unwrap(), 1);
}

pub(crate) fn the_name_of_a_consumer_is_checked(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    for name in ["", "a\nb", "a\0", &"x".repeat(129)] {
        for error in [inbox.cursor(name).unwrap_err(), inbox.advance(name, 0).unwrap_err()] {
            assert!(error.message().contains("the name of the consumer"), "{error}");
        }
    }
    inbox.advance(&"x".repeat(128), 0).unwrap();
}

pub(crate) fn a_consumer_cannot_append(maker: &impl Maker) {
    drop(maker.receiver(&window(60)));
    let error = maker.consumer().append(&[message("a")]).unwrap_err();
    assert!(error.message().contains("opened to read"), "{error}");
    assert_eq!(maker.consumer().counts().unwrap().messages, 0);
}

pub(crate) fn a_consumer_reads_while_a_receiver_writes(maker: &impl Maker) {
    const BATCHES: u64 = 60;
    let mut inbox = maker.receiver(&window(60));
    let mut consumer = maker.consumer();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for batch in 0..BATCHES {
                let bodies: Vec<_> = (0..5).map(|number| message(&format!("{batch} {number}"))).collect();
                append(&mut inbox, &bodies);
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut read = 0;
        loop {
            let is_last = done.load(Ordering::SeqCst);
            let messages = consumer.read(read, 7).unwrap();
            for message in &messages {
                // Nothing is skipped, and a batch is there as a whole or not at all.
                assert_eq!(message.id, read + 1);
                read = message.id;
            }
            consumer.advance("reader", read).unwrap();
            if is_last && messages.is_empty() {
                break;
            }
        }
        assert_eq!(read, BATCHES * 5);
    });
    assert_eq!(consumer.cursor("reader").unwrap(), BATCHES * 5);
}
