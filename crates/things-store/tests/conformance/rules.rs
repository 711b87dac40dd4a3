//! The rules of all ledgers, with and without a store.

use std::time::Duration;

use things_core::{BulkItem, Outcome, Transaction};

use crate::maker::{
    DAY, LedgerMaker, POLL, again, at, claim, claiming, ended, indexes, item, items, of_customer, record,
    to_device,
};

pub(crate) fn items_are_claimed_in_the_order_of_the_input(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger(items(5));
    let first = claim(&mut ledger, 2, 0);
    assert_eq!((indexes(&first), first.next), (vec![0, 1], None));
    let references = first.claims.iter().map(|claim| claim.item().downlink.reference().unwrap().to_string());
    assert_eq!(references.collect::<Vec<_>>(), ["item-0", "item-1"]);
    assert_eq!(indexes(&claim(&mut ledger, 9, 0)), [2, 3, 4]);
}

pub(crate) fn no_more_are_claimed_than_requested(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger(items(20));
    for number in [0, 1, 7] {
        assert_eq!(claim(&mut ledger, number, 0).claims.len(), number);
    }
}

pub(crate) fn an_item_that_is_sending_is_not_claimed(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger(items(2));
    assert_eq!(claim(&mut ledger, 2, 0).claims.len(), 2);
    for now in [0, 1, 59_999, 60_000, DAY, 400 * DAY] {
        let granted = claim(&mut ledger, 2, now);
        assert_eq!((granted.claims.len(), granted.next), (0, None), "after {now} ms");
    }
}

pub(crate) fn an_item_that_has_ended_is_not_claimed(maker: &impl LedgerMaker) {
    for outcome in [Outcome::Accepted, Outcome::Unknown, Outcome::NotSent] {
        let mut ledger = maker.ledger(items(1));
        let granted = claim(&mut ledger, 1, 0);
        record(&mut ledger, ended(&granted.claims[0], outcome), 1);
        let granted = claim(&mut ledger, 1, 400 * DAY);
        assert_eq!((granted.claims.len(), granted.next), (0, None), "{outcome:?}");
    }
}

pub(crate) fn an_item_that_may_be_sent_again_waits_first(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger(items(1));
    let first = claim(&mut ledger, 1, 0);
    assert_eq!(first.claims[0].tries(), 1);
    record(&mut ledger, again(&first.claims[0], 500), 100);
    let early = claim(&mut ledger, 1, 200);
    assert_eq!((early.claims.len(), early.next), (0, Some(Duration::from_millis(400))));
    assert_eq!(claim(&mut ledger, 1, 599).next, Some(Duration::from_millis(1)));
    let second = claim(&mut ledger, 1, 600);
    assert_eq!((indexes(&second), second.claims[0].tries()), (vec![0], 2));
}

pub(crate) fn a_wait_never_carries_an_item_past_its_not_after(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger(vec![BulkItem { not_after: Some(at(1_000)), ..item(0) }]);
    let granted = claim(&mut ledger, 1, 0);
    record(&mut ledger, again(&granted.claims[0], 5_000), 0);
    assert_eq!(claim(&mut ledger, 1, 0).next, Some(Duration::from_millis(1_000)));
    let granted = claim(&mut ledger, 1, 1_000);
    assert_eq!((granted.claims.len(), granted.expired.len(), granted.next), (0, 1, None));
}

pub(crate) fn an_item_past_its_not_after_ends_without_a_claim(maker: &impl LedgerMaker) {
    let late = BulkItem { not_after: Some(at(1_000)), ..item(0) };
    let in_time = BulkItem { not_after: Some(at(1_001)), ..item(1) };
    let mut ledger = maker.ledger(vec![late, in_time]);
    let granted = claim(&mut ledger, 1, 1_000);
    assert_eq!(indexes(&granted), [1]);
    assert_eq!(granted.expired.len(), 1);
    let (index, expired) = &granted.expired[0];
    assert_eq!((*index, expired.downlink.reference().unwrap().as_str()), (0, "item-0"));
    assert_eq!(claim(&mut ledger, 1, 1_000).expired.len(), 0);
}

pub(crate) fn each_claim_has_another_token(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger(items(8));
    let mut tokens = std::collections::HashSet::new();
    for _ in 0..10 {
        let granted = claim(&mut ledger, 8, 0);
        assert_eq!(granted.claims.len(), 8);
        let outcomes = granted.claims.iter().map(|claim| again(claim, 0)).collect();
        tokens.extend(granted.claims.iter().map(|claim| claim.token()));
        ledger.commit(&Transaction { outcomes, ..claiming(0, 0) }).unwrap();
    }
    assert_eq!(tokens.len(), 80);
}

pub(crate) fn an_outcome_with_another_token_changes_nothing(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger(items(1));
    let old = claim(&mut ledger, 1, 0);
    record(&mut ledger, again(&old.claims[0], 0), 0);
    let new = claim(&mut ledger, 1, 0);
    assert_eq!(indexes(&new), [0]);
    // It would be claimable a third time.
    record(&mut ledger, again(&old.claims[0], 0), 0);
    assert_eq!(indexes(&claim(&mut ledger, 1, 0)), [0; 0]);
    // The claim that has it can still end it.
    record(&mut ledger, again(&new.claims[0], 0), 0);
    assert_eq!(indexes(&claim(&mut ledger, 1, 0)), [0]);
}

pub(crate) fn an_outcome_may_be_recorded_twice(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger(items(2));
    let granted = claim(&mut ledger, 2, 0);
    for now in [10, 20, 30] {
        record(&mut ledger, again(&granted.claims[0], 100), now);
        record(&mut ledger, ended(&granted.claims[1], Outcome::Accepted), now);
    }
    let second = claim(&mut ledger, 2, 110);
    assert_eq!(indexes(&second), [0], "the first record counts");
    record(&mut ledger, again(&granted.claims[0], 0), 110);
    assert_eq!(claim(&mut ledger, 2, 1_000).claims.len(), 0);
}

pub(crate) fn a_ledger_without_items_has_nothing_to_wait_for(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger(Vec::new());
    let granted = claim(&mut ledger, 16, 0);
    assert_eq!((granted.claims.len(), granted.expired.len(), granted.next), (0, 0, None));
}

pub(crate) fn a_transaction_without_a_time_records(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger(items(2));
    let granted = claim(&mut ledger, 2, 0);
    let outcomes = vec![again(&granted.claims[0], 0), ended(&granted.claims[1], Outcome::Unknown)];
    let granted = ledger.commit(&Transaction { outcomes, ..Transaction::default() }).unwrap();
    assert_eq!(granted.claims.len(), 0);
    // Long after the time of this machine, which a store takes.
    assert_eq!(indexes(&claim(&mut ledger, 2, 1_000_000 * DAY)), [0]);
}

fn limited(claim: usize, most: u32, now: u64) -> Transaction {
    Transaction { per_device: Some(most), ..claiming(claim, now) }
}

pub(crate) fn downlinks_to_one_device_are_limited_over_24_hours(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger((0..6).map(|number| to_device(number / 5, number)).collect());
    let granted = ledger.commit(&limited(1, 2, 0)).unwrap();
    record(&mut ledger, ended(&granted.claims[0], Outcome::Accepted), 10);
    let granted = ledger.commit(&limited(9, 2, 1_000)).unwrap();
    assert_eq!(indexes(&granted), [1, 5]);
    record(&mut ledger, ended(&granted.claims[0], Outcome::Unknown), 1_010);
    let granted = ledger.commit(&limited(9, 2, 1_000 + POLL)).unwrap();
    assert_eq!((granted.claims.len(), granted.next), (0, Some(Duration::from_millis(DAY - 1_000 - POLL))));
    assert_eq!(ledger.commit(&limited(9, 2, DAY - 1)).unwrap().claims.len(), 0);
    let granted = ledger.commit(&limited(9, 2, DAY)).unwrap();
    assert_eq!((indexes(&granted), granted.next), (vec![2], Some(Duration::from_millis(1_000))));
    record(&mut ledger, ended(&granted.claims[0], Outcome::Accepted), DAY);
    let granted = ledger.commit(&limited(9, 2, DAY + 1_000)).unwrap();
    assert_eq!(indexes(&granted), [3]);
    record(&mut ledger, ended(&granted.claims[0], Outcome::Accepted), DAY + 1_000);
    let granted = ledger.commit(&limited(9, 2, DAY + 2_000)).unwrap();
    assert_eq!((granted.claims.len(), granted.next), (0, Some(Duration::from_millis(DAY - 2_000))));
    // Without a limit, nothing waits any longer than it has to.
    assert_eq!(indexes(&claim(&mut ledger, 9, 2 * DAY)), [4]);
}

pub(crate) fn a_refused_downlink_frees_its_device_for_the_next_one(maker: &impl LedgerMaker) {
    let late = BulkItem { not_after: Some(at(POLL / 2)), ..to_device(1, 4) };
    let mut ledger = maker.ledger(vec![
        to_device(0, 0),
        to_device(0, 1),
        to_device(0, 2),
        to_device(1, 3),
        late,
        to_device(2, 5),
    ]);
    let first = ledger.commit(&limited(9, 1, 0)).unwrap();
    assert_eq!(indexes(&first), [0, 3, 5]);
    // While a downlink may still be refused, the next one to its device does not wait for a day.
    assert_eq!(first.next, Some(Duration::from_millis(POLL / 2)));
    let granted = ledger.commit(&limited(9, 1, POLL / 2)).unwrap();
    assert_eq!((granted.claims.len(), granted.expired.len()), (0, 1));
    assert_eq!(granted.next, Some(Duration::from_millis(POLL / 2)));
    record(&mut ledger, ended(&first.claims[0], Outcome::NotSent), POLL / 2);
    let second = ledger.commit(&limited(9, 1, POLL)).unwrap();
    assert_eq!((indexes(&second), second.next), (vec![1], Some(Duration::from_millis(POLL))));
    record(&mut ledger, ended(&second.claims[0], Outcome::Accepted), POLL);
    // An item never waits for longer than the limit requires.
    let granted = ledger.commit(&limited(9, 1, 2 * POLL)).unwrap();
    assert_eq!((granted.claims.len(), granted.next), (0, Some(Duration::from_millis(DAY - POLL))));
}

pub(crate) fn downlinks_that_were_not_sent_do_not_count_for_their_device(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger((0..3).map(|number| to_device(0, number)).collect());
    let granted = ledger.commit(&limited(3, 1, 0)).unwrap();
    assert_eq!(indexes(&granted), [0]);
    record(&mut ledger, ended(&granted.claims[0], Outcome::NotSent), 0);
    let granted = ledger.commit(&limited(3, 1, DAY)).unwrap();
    assert_eq!(indexes(&granted), [1]);
    record(&mut ledger, again(&granted.claims[0], 0), DAY);
    let granted = ledger.commit(&limited(3, 1, DAY)).unwrap();
    assert_eq!(indexes(&granted), [1]);
}

pub(crate) fn a_device_of_two_customers_is_one_device(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger(vec![of_customer(1, "a"), of_customer(1, "b"), to_device(1, 2)]);
    assert_eq!(indexes(&ledger.commit(&limited(3, 1, 0)).unwrap()), [0]);
}

pub(crate) fn an_item_that_waits_for_its_device_ends_at_its_not_after(maker: &impl LedgerMaker) {
    let late = BulkItem { not_after: Some(at(DAY / 2)), ..to_device(0, 1) };
    let mut ledger = maker.ledger(vec![to_device(0, 0), late]);
    let granted = ledger.commit(&limited(2, 1, 0)).unwrap();
    assert_eq!(indexes(&granted), [0]);
    record(&mut ledger, ended(&granted.claims[0], Outcome::Accepted), 0);
    let granted = ledger.commit(&limited(2, 1, POLL)).unwrap();
    assert_eq!((granted.claims.len(), granted.next), (0, Some(Duration::from_millis(DAY / 2 - POLL))));
    let granted = ledger.commit(&limited(2, 1, DAY / 2)).unwrap();
    assert_eq!((granted.claims.len(), granted.expired.len(), granted.next), (0, 1, None));
}

pub(crate) fn many_items_of_one_device_do_not_stop_the_others(maker: &impl LedgerMaker) {
    let mut ledger = maker.ledger((0..3_000).map(|number| to_device(number / 2_999, number)).collect());
    let mut claimed = Vec::new();
    // A store may look at a share of the items at a time, and asks to be called again at once.
    for _ in 0..10 {
        let granted = ledger.commit(&limited(3, 1, 0)).unwrap();
        claimed.extend(indexes(&granted));
        if granted.next != Some(Duration::ZERO) {
            assert_eq!(granted.next, Some(Duration::from_millis(POLL)));
            break;
        }
    }
    assert_eq!(claimed, [0, 2_999]);
}
