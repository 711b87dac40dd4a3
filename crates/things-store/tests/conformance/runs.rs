//! The rules of stores about one run after another.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use things_core::{BulkItem, Downlink, Ledger, Outcome, Record, Transaction};
use things_store::{Counts, ItemState};

use crate::maker::{
    ACCOUNT, DAY, Maker, again, claim, claiming, create, ended, indexes, items, open, record, to_device,
};
use crate::model::{Model, step, steps};

pub(crate) fn what_was_sending_when_a_run_ended_is_unknown_and_never_claimed(maker: &impl Maker) {
    let (id, other) = (create(maker, items(5)), create(maker, items(2)));
    let mut ledger = open(maker, &id);
    claim(&mut ledger, 3, 0);
    drop(ledger);
    maker.end_leases();
    // The next run of another job finds them as well.
    drop(open(maker, &other));
    let mut ledger = open(maker, &id);
    let unknown = maker.store().items(&id, Some(ItemState::Unknown), 0, 9).unwrap();
    assert_eq!(unknown.iter().map(|item| item.index).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(unknown.iter().all(|item| item.ended.is_some() && !item.detail.is_empty()));
    assert_eq!(indexes(&claim(&mut ledger, 9, 400 * DAY)), [3, 4]);
}

pub(crate) fn the_next_run_sends_what_was_not_sent_and_may_be(maker: &impl Maker) {
    let id = create(maker, items(5));
    let mut ledger = open(maker, &id);
    let granted = claim(&mut ledger, 4, 0);
    record(&mut ledger, ended(&granted.claims[0], Outcome::Accepted), 0);
    record(&mut ledger, ended(&granted.claims[1], Outcome::NotSent), 0);
    record(&mut ledger, Record { resumable: true, ..ended(&granted.claims[2], Outcome::NotSent) }, 0);
    record(&mut ledger, ended(&granted.claims[3], Outcome::Unknown), 0);
    assert_eq!(indexes(&claim(&mut ledger, 0, DAY)), [0; 0]);
    let counts =
        Counts { pending: 1, accepted: 1, not_sent: 2, resumable: 1, unknown: 1, ..Counts::default() };
    assert_eq!(maker.store().job(&id).unwrap().unwrap().counts, counts);
    drop(ledger);
    assert_eq!(indexes(&claim(&mut open(maker, &id), 9, DAY)), [2, 4]);
}

pub(crate) fn refused_items_are_sent_again_on_request_only(maker: &impl Maker) {
    let id = create(maker, items(3));
    let mut ledger = open(maker, &id);
    let granted = claim(&mut ledger, 3, 0);
    record(&mut ledger, ended(&granted.claims[0], Outcome::Accepted), 0);
    record(&mut ledger, ended(&granted.claims[1], Outcome::NotSent), 0);
    record(&mut ledger, ended(&granted.claims[2], Outcome::Unknown), 0);
    drop(ledger);
    assert!(maker.store().job(&id).unwrap().unwrap().counts.is_finished());
    assert_eq!(indexes(&claim(&mut open(maker, &id), 9, 0)), [0; 0]);
    let mut ledger = maker.store().open(&id, ACCOUNT, true).unwrap();
    assert_eq!(indexes(&claim(&mut ledger, 9, 0)), [1]);
}

pub(crate) fn waits_end_with_their_run(maker: &impl Maker) {
    let id = create(maker, [to_device(0, 0), to_device(0, 1), to_device(1, 2)].to_vec());
    let mut ledger = open(maker, &id);
    let limited = Transaction { per_device: Some(1), ..claiming(3, 0) };
    let granted = ledger.commit(&limited).unwrap();
    assert_eq!(indexes(&granted), [0, 2]);
    record(&mut ledger, again(&granted.claims[0], 1_000_000), 0);
    record(&mut ledger, again(&granted.claims[1], 1_000_000), 0);
    drop(ledger);
    assert_eq!(indexes(&claim(&mut open(maker, &id), 3, 0)), [0, 1, 2]);
}

pub(crate) fn tries_count_from_the_beginning_of_a_run(maker: &impl Maker) {
    let id = create(maker, items(1));
    for run in 0..3_u32 {
        let mut ledger = open(maker, &id);
        for tries in 1..3 {
            let granted = claim(&mut ledger, 1, 0);
            assert_eq!(granted.claims[0].tries(), tries);
            record(&mut ledger, again(&granted.claims[0], 0), 0);
        }
        assert_eq!(maker.store().items(&id, None, 0, 1).unwrap()[0].tries, (run + 1) * 2);
    }
}

pub(crate) fn a_late_outcome_ends_an_unknown_item(maker: &impl Maker) {
    let id = create(maker, items(3));
    let mut ledger = open(maker, &id);
    let granted = claim(&mut ledger, 3, 0);
    for claim in &granted.claims {
        record(&mut ledger, ended(claim, Outcome::Unknown), 1);
    }
    record(&mut ledger, ended(&granted.claims[0], Outcome::Accepted), 2);
    record(&mut ledger, again(&granted.claims[1], 0), 2);
    let counts = Counts { accepted: 1, not_sent: 1, resumable: 1, unknown: 1, ..Counts::default() };
    assert_eq!(maker.store().job(&id).unwrap().unwrap().counts, counts);
    assert_eq!(indexes(&claim(&mut ledger, 9, 2)), [1]);
}

pub(crate) fn an_outcome_that_is_final_never_changes(maker: &impl Maker) {
    let id = create(maker, items(2));
    let mut ledger = open(maker, &id);
    let granted = claim(&mut ledger, 2, 0);
    record(&mut ledger, ended(&granted.claims[0], Outcome::Accepted), 1);
    record(&mut ledger, ended(&granted.claims[1], Outcome::NotSent), 1);
    let told = |maker: &dyn Maker| {
        let items = maker.store().items(&id, None, 0, 9).unwrap();
        items
            .into_iter()
            .map(|item| (item.state, item.detail, item.ended, item.resumable))
            .collect::<Vec<_>>()
    };
    let before = told(maker);
    for claim in &granted.claims {
        for outcome in [Outcome::Accepted, Outcome::Unknown, Outcome::NotSent] {
            record(&mut ledger, Record { detail: "another".to_owned(), ..ended(claim, outcome) }, 2);
        }
        record(&mut ledger, again(claim, 0), 2);
    }
    assert_eq!(told(maker), before);
}

pub(crate) fn the_limit_of_a_device_holds_over_all_jobs(maker: &impl Maker) {
    let limited = Transaction { per_device: Some(1), ..claiming(9, 0) };
    let id = create(maker, vec![to_device(0, 0), to_device(1, 1)]);
    let mut ledger = open(maker, &id);
    let granted = ledger.commit(&limited).unwrap();
    record(&mut ledger, ended(&granted.claims[0], Outcome::Accepted), 0);
    record(&mut ledger, ended(&granted.claims[1], Outcome::NotSent), 0);
    drop(ledger);
    let other = create(maker, vec![to_device(0, 2), to_device(1, 3), to_device(2, 4)]);
    let granted = open(maker, &other).commit(&limited).unwrap();
    assert_eq!(indexes(&granted), [1, 2]);
    assert_eq!(granted.next.map(|next| next.as_millis()), Some(u128::from(DAY)));
}

pub(crate) fn items_whose_first_record_names_no_device_are_counted_alone(maker: &impl Maker) {
    let pack = r#"[{"n":"urn:dev:DEVEUI:0059AC0000181EB6:setpoint","v":1}]"#;
    let item = || -> BulkItem {
        Downlink::senml(things_core::senml::Pack::from_json(pack).unwrap()).unwrap().into()
    };
    assert!(item().device().is_none());
    let id = create(maker, vec![item(), item()]);
    let limited = Transaction { per_device: Some(1), ..claiming(9, 0) };
    assert_eq!(indexes(&open(maker, &id).commit(&limited).unwrap()), [0, 1]);
}

pub(crate) fn a_removed_job_does_not_count_for_its_devices(maker: &impl Maker) {
    let limited = Transaction { per_device: Some(1), ..claiming(9, 0) };
    let id = create(maker, vec![to_device(0, 0)]);
    let mut ledger = open(maker, &id);
    let granted = ledger.commit(&limited).unwrap();
    record(&mut ledger, ended(&granted.claims[0], Outcome::Accepted), 0);
    drop(ledger);
    maker.store().remove(&id).unwrap();
    let other = create(maker, vec![to_device(0, 1)]);
    assert_eq!(indexes(&open(maker, &other).commit(&limited).unwrap()), [0]);
}

/// Random runs of a job, some of which end as a crash does, and what a reader sees of them.
pub(crate) fn random_jobs_have_the_same_counts_as_the_model(maker: &impl Maker) {
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let runs = prop::collection::vec((steps(), any::<bool>()), 1..5);
    runner
        .run(&runs, |runs| {
            let mut model = Model::new();
            let id = create(maker, model.items());
            for (steps, again) in runs {
                let mut ledger: Box<dyn Ledger> = maker.store().open(&id, ACCOUNT, again).unwrap();
                model.open(again);
                for one in steps {
                    step(&mut ledger, &mut model, &one)?;
                    let counts = maker.store().job(&id).unwrap().unwrap().counts;
                    prop_assert_eq!(counts, model.counts(), "after {:?}", one);
                }
                drop(ledger);
                maker.end_leases();
            }
            for (stored, modelled) in
                maker.store().items(&id, None, 0, 1_000).unwrap().iter().zip(model.states())
            {
                let (state, tries) = modelled;
                // Where claims have leases, those of the last run have ended.
                let is_lost = state == ItemState::Sending && stored.state == ItemState::Unknown;
                prop_assert!(is_lost || stored.state == state);
                prop_assert_eq!(stored.tries, tries);
            }
            maker.store().remove(&id).unwrap();
            Ok(())
        })
        .unwrap();
}
