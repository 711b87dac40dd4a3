//! Rules of appending and reading.

use std::time::{Duration, SystemTime};

use things_store::inbox::{InboxCounts, InboxOptions, NewMessage, Source};

use crate::maker::{Maker, all, append, at, message, window};

pub(crate) fn messages_are_read_in_the_order_in_which_they_were_appended(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    // The order of receiving does not matter.
    assert_eq!(append(&mut inbox, &[at(9, "c"), at(3, "a")]), [1, 2]);
    assert_eq!(append(&mut inbox, &[at(5, "b")]), [3]);
    let expected = [(1, "c".to_owned()), (2, "a".to_owned()), (3, "b".to_owned())];
    assert_eq!(all(&mut inbox), expected);
    assert_eq!(all(&mut maker.consumer()), expected);
}

pub(crate) fn a_message_is_kept_as_it_is(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    let bytes: Vec<u8> = (0..=255).collect();
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    let new = [
        NewMessage {
            received: time,
            source: Source::Mqtt,
            label: None,
            headers: vec![
                ("a".to_owned(), bytes.clone()),
                ("a".to_owned(), Vec::new()),
                ("é\0".to_owned(), vec![0]),
            ],
            body: bytes,
        },
        NewMessage {
            received: time,
            source: Source::Http,
            label: Some(String::new()),
            headers: Vec::new(),
            body: Vec::new(),
        },
    ];
    append(&mut inbox, &new);
    drop(inbox);
    let stored = maker.consumer().read(0, 9).unwrap();
    assert_eq!(stored.len(), 2);
    for (stored, new) in stored.into_iter().zip(new) {
        let NewMessage { received, source, label, headers, body } = new;
        assert_eq!((stored.received, stored.source), (received, source));
        assert_eq!((stored.label, stored.headers, stored.body), (label, headers, body));
    }
}

pub(crate) fn a_large_body_is_kept(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    let body: String = ('a'..='z').cycle().take(5_000_000).collect();
    assert_eq!(append(&mut inbox, &[message("small"), message(&body), message("last")]), [1, 2, 3]);
    assert_eq!(append(&mut inbox, &[message(&body)]), [0]);
    let stored = maker.consumer().read(1, 1).unwrap();
    assert!(stored[0].body == body.as_bytes(), "{} bytes", stored[0].body.len());
}

pub(crate) fn an_empty_append_stores_nothing(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    assert_eq!(append(&mut inbox, &[]), [0; 0]);
    assert_eq!(inbox.counts().unwrap(), InboxCounts::default());
}

pub(crate) fn messages_are_read_page_by_page(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    let bodies: Vec<_> = (0..25).map(|number| message(&format!("body {number}"))).collect();
    append(&mut inbox, &bodies);
    let (mut read, mut pages) = (0, Vec::new());
    loop {
        let page = inbox.read(read, 10).unwrap();
        let Some(last) = page.last() else { break };
        assert_eq!(page[0].id, read + 1);
        read = last.id;
        pages.push(page.len());
    }
    assert_eq!((read, pages), (25, vec![10, 10, 5]));
    assert_eq!(inbox.read(0, 0).unwrap(), []);
    assert_eq!(inbox.read(u64::MAX, 9).unwrap(), []);
}

pub(crate) fn an_inbox_without_messages_has_none(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    assert_eq!(inbox.read(0, 9).unwrap(), []);
    assert_eq!(inbox.counts().unwrap(), InboxCounts::default());
    assert_eq!(inbox.remove_before(9).unwrap(), 0);
    assert_eq!(inbox.cursor("reader").unwrap(), 0);
}

pub(crate) fn removed_messages_are_gone_and_their_ids_are_not_used_again(maker: &impl Maker) {
    let mut inbox = maker.receiver(&window(60));
    let counts = |(messages, last_id)| {
        let mut counts = InboxCounts::default();
        (counts.messages, counts.last_id) = (messages, last_id);
        counts
    };
    append(&mut inbox, &(0..2_500).map(|number| message(&number.to_string())).collect::<Vec<_>>());
    assert_eq!(inbox.remove_before(0).unwrap(), 0);
    assert_eq!(inbox.remove_before(2_400).unwrap(), 2_399);
    assert_eq!(inbox.counts().unwrap(), counts((101, 2_500)));
    assert_eq!(inbox.read(0, 1).unwrap()[0].id, 2_400);
    assert_eq!(inbox.remove_before(2_400).unwrap(), 0);
    // A consumer can remove as well, also more than there is.
    assert_eq!(maker.consumer().remove_before(u64::MAX).unwrap(), 101);
    assert_eq!(inbox.counts().unwrap(), counts((0, 2_500)));
    assert_eq!(append(&mut inbox, &[message("next")]), [2_501]);
    assert_eq!(inbox.remove_before(2_502).unwrap(), 1);
    drop(inbox);
    assert_eq!(maker.consumer().counts().unwrap(), counts((0, 2_501)));
    let mut inbox = maker.receiver(&window(60));
    assert_eq!(append(&mut inbox, &[message("last")]), [2_502]);
    assert_eq!(inbox.counts().unwrap(), counts((1, 2_502)));
}

pub(crate) fn a_receiver_goes_on_where_the_last_one_ended(maker: &impl Maker) {
    for number in 1..=3 {
        let mut inbox = maker.receiver(&InboxOptions::default());
        assert_eq!(append(&mut inbox, &[message(&format!("message {number}"))]), [number]);
        assert_eq!(all(&mut inbox).len() as u64, number);
    }
}

pub(crate) fn random_appends_have_the_same_result_as_the_model(maker: &impl Maker) {
    let mut dice = 0x2545_F491_4F6C_DD1D_u64;
    let mut roll = |sides: u64| {
        // An xorshift generator, so that each run is the same.
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let (mut inbox, mut now) = (maker.receiver(&window(50)), 0);
    // What is stored, and when each body was stored last.
    let (mut stored, mut times) = (Vec::new(), std::collections::HashMap::new());
    for _ in 0..60 {
        now += roll(20);
        let bodies: Vec<u64> = (0..roll(8)).map(|_| roll(30)).collect();
        let messages: Vec<_> = bodies.iter().map(|body| at(now, &body.to_string())).collect();
        let mut expected = Vec::new();
        for body in bodies {
            let is_new = times.get(&body).is_none_or(|time| now - time >= 50);
            if is_new {
                times.insert(body, now);
                stored.push(body.to_string());
            }
            expected.push(if is_new { stored.len() as u64 } else { 0 });
        }
        assert_eq!(append(&mut inbox, &messages), expected);
        if roll(10) == 0 {
            drop(inbox);
            inbox = maker.receiver(&window(50));
        }
    }
    let read: Vec<String> = all(&mut maker.consumer()).into_iter().map(|(_, body)| body).collect();
    assert_eq!(read, stored);
}
