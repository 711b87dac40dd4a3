//! The rules of stores about jobs and their items.

use things_core::{BulkItem, Downlink, LedgerError, Outcome, Record};
use things_store::{Counts, ItemState, JobId, NewJob};

use crate::maker::{
    ACCOUNT, Maker, again, at, claim, create, ended, indexes, item, items, new_job, of_customer, open, record,
};

/// An item whose numbers have digits that no float has.
fn exact() -> BulkItem {
    let device: things_core::DeviceUrn = "urn:dev:IMEI:490154203237518:".parse().unwrap();
    let pack = device.pack(r#"[{"n":"setpoint","v":19.10000000000000000001,"own":1E+2}]"#).unwrap();
    Downlink::senml(pack).unwrap().external_reference("exact \u{e9}\u{1f600}").unwrap().into()
}

fn text(item: &BulkItem) -> String {
    serde_json::to_string(&item.downlink).unwrap()
}

pub(crate) fn a_job_keeps_its_items_as_they_are(maker: &impl Maker) {
    let silent = BulkItem::from(item(2).downlink.without_reference());
    let given = [
        BulkItem { not_after: Some(at(86_399_999)), ..item(0) },
        exact(),
        silent,
        of_customer(3, "customer-3"),
    ];
    let id = create(maker, given.to_vec());
    let stored = maker.store().items(&id, None, 0, 100).unwrap();
    assert_eq!(stored.len(), given.len());
    let granted = claim(&mut open(maker, &id), 100, 0);
    for (index, given) in given.iter().enumerate() {
        let (stored, claimed) = (&stored[index], &granted.claims[index]);
        assert_eq!((stored.index, claimed.index()), (index as u64, index as u64));
        assert_eq!((stored.state, stored.tries, stored.claimed), (ItemState::Pending, 0, None));
        for read in [&stored.item, claimed.item()] {
            assert_eq!(text(read), text(given));
            assert_eq!((&read.customer, read.not_after), (&given.customer, given.not_after));
        }
    }
}

pub(crate) fn an_item_without_a_reference_gets_one(maker: &impl Maker) {
    let unsaid: Downlink = serde_json::from_str(
        r#"{"records":[{"bn":"urn:dev:DEVEUI:0059AC0000000001:","n":"payloadHex","vs":"01"}],"port":1}"#,
    )
    .unwrap();
    let id = create(maker, vec![unsaid.clone().into(), unsaid.into()]);
    let stored = maker.store().items(&id, None, 0, 2).unwrap();
    let references: Vec<_> =
        stored.iter().map(|stored| stored.item.downlink.reference().unwrap().to_string()).collect();
    assert!(references.iter().all(|reference| reference.parse::<JobId>().is_ok()), "{references:?}");
    assert_ne!(references[0], references[1]);
    // The same one whenever it is sent.
    let granted = claim(&mut open(maker, &id), 1, 0);
    assert_eq!(granted.claims[0].item().downlink.reference().unwrap().as_str(), references[0]);
}

pub(crate) fn a_job_of_which_an_item_fails_is_not_created(maker: &impl Maker) {
    let job = new_job(ACCOUNT);
    let bad = || LedgerError::new("line 3: no device").hint("name one");
    let mut items = [Ok(item(0)), Err(bad()), Ok(item(1))].into_iter();
    let error = maker.store().create(&job, &mut items).unwrap_err();
    assert_eq!((error.message(), error.advice()), ("line 3: no device", Some("name one")));
    assert!(maker.store().job(&job.id).unwrap().is_none());
    assert_eq!(maker.store().create(&job, &mut [Ok(item(0))].into_iter()).unwrap(), 1);
    assert_eq!(maker.store().items(&job.id, None, 0, 9).unwrap().len(), 1);
}

pub(crate) fn a_job_is_created_once(maker: &impl Maker) {
    let job = new_job(ACCOUNT);
    maker.store().create(&job, &mut [Ok(item(0))].into_iter()).unwrap();
    let error = maker.store().create(&job, &mut [Ok(item(1)), Ok(item(2))].into_iter()).unwrap_err();
    assert!(error.message().contains(job.id.as_str()), "{error}");
    assert_eq!(maker.store().job(&job.id).unwrap().unwrap().counts.total(), 1);
}

pub(crate) fn a_job_is_created_and_opened_at_once(maker: &impl Maker) {
    let job = new_job(ACCOUNT);
    let bad = [Ok(item(0)), Err(LedgerError::new("line 3: no device"))];
    assert!(maker.store().begin(&job, &mut bad.into_iter()).is_err());
    assert!(maker.store().job(&job.id).unwrap().is_none());
    let mut ledger = maker.store().begin(&job, &mut items(3).into_iter().map(Ok)).unwrap();
    assert_eq!(indexes(&claim(&mut ledger, 2, 0)), [0, 1]);
    drop(ledger);
    // A job that was there before stays.
    let error = maker.store().begin(&job, &mut items(1).into_iter().map(Ok)).err().unwrap();
    assert!(error.message().contains(job.id.as_str()), "{error}");
    assert_eq!(maker.store().job(&job.id).unwrap().unwrap().counts.total(), 3);
}

pub(crate) fn jobs_are_listed_with_the_newest_first(maker: &impl Maker) {
    let created: Vec<_> = (1..4)
        .map(|count| {
            let job = new_job(ACCOUNT);
            maker.store().create(&job, &mut items(count).into_iter().map(Ok)).unwrap();
            job
        })
        .collect();
    let listed = maker.store().jobs().unwrap();
    assert_eq!(listed.len(), 3);
    for (place, (job, created)) in listed.iter().zip(created.iter().rev()).enumerate() {
        assert_eq!(job.counts, Counts { pending: 3 - place as u64, ..Counts::default() });
        assert_eq!((&job.id, job.created), (&created.id, created.created));
        assert_eq!((&job.source, &job.digest), (&created.source, &created.digest));
        assert_eq!((&job.account, &job.options), (&created.account, &created.options));
        let alone = maker.store().job(&created.id).unwrap().unwrap();
        assert_eq!((alone.id, alone.counts), (job.id.clone(), job.counts));
    }
}

pub(crate) fn ids_are_listed_with_the_newest_first_and_by_digest(maker: &impl Maker) {
    assert_eq!(maker.store().ids(None).unwrap(), []);
    let digests = ["one", "other", "one"];
    let jobs = digests.map(|digest| NewJob { digest: digest.to_owned(), ..new_job(ACCOUNT) });
    for job in &jobs {
        maker.store().create(job, &mut items(1).into_iter().map(Ok)).unwrap();
    }
    let [first, second, third] = jobs.map(|job| job.id);
    let mut store = maker.store();
    assert_eq!(store.ids(None).unwrap(), [third.clone(), second.clone(), first.clone()]);
    assert_eq!(store.ids(Some("one")).unwrap(), [third, first]);
    assert_eq!(store.ids(Some("other")).unwrap(), [second]);
    assert_eq!(store.ids(Some("none")).unwrap(), []);
}

pub(crate) fn items_are_read_page_by_page_and_by_state(maker: &impl Maker) {
    create(maker, items(3));
    let id = create(maker, items(10));
    create(maker, items(3));
    let mut ledger = open(maker, &id);
    let granted = claim(&mut ledger, 4, 0);
    record(&mut ledger, ended(&granted.claims[1], Outcome::Accepted), 1);
    record(&mut ledger, ended(&granted.claims[2], Outcome::Unknown), 1);
    record(&mut ledger, ended(&granted.claims[3], Outcome::Unknown), 1);
    let mut store = maker.store();
    let mut read = |state, first, most| -> Vec<u64> {
        let items = store.items(&id, state, first, most).unwrap();
        assert!(items.iter().all(|item| state.is_none_or(|state| item.state == state)));
        items.iter().map(|item| item.index).collect()
    };
    assert_eq!(read(None, 0, 100), (0..10).collect::<Vec<_>>());
    assert_eq!(read(None, 3, 4), [3, 4, 5, 6]);
    assert_eq!(read(None, 8, 4), [8, 9]);
    assert_eq!(read(None, 0, 0), [0; 0]);
    assert_eq!(read(None, 10, 4), [0; 0]);
    assert_eq!(read(None, u64::MAX, usize::MAX), [0; 0]);
    assert_eq!(read(Some(ItemState::Unknown), 0, 100), [2, 3]);
    assert_eq!(read(Some(ItemState::Unknown), 3, 100), [3]);
    assert_eq!(read(Some(ItemState::Unknown), 0, 1), [2]);
    assert_eq!(read(Some(ItemState::Sending), 0, 100), [0]);
    assert_eq!(read(Some(ItemState::Accepted), 0, 100), [1]);
    assert_eq!(read(Some(ItemState::NotSent), 0, 100), [0; 0]);
    assert_eq!(read(Some(ItemState::Pending), 6, 2), [6, 7]);
}

pub(crate) fn a_store_without_jobs_has_none(maker: &impl Maker) {
    let mut store = maker.store();
    assert_eq!(store.jobs().unwrap().len(), 0);
    assert!(store.job(&new_job(ACCOUNT).id).unwrap().is_none());
}

pub(crate) fn a_job_that_does_not_exist_is_an_error(maker: &impl Maker) {
    create(maker, items(1));
    let id = new_job(ACCOUNT).id;
    assert!(maker.store().job(&id).unwrap().is_none());
    let errors = [
        maker.store().items(&id, None, 0, 1).err(),
        maker.store().resolve(&id, 0, things_store::Resolution::Accepted).err(),
        maker.store().remove(&id).err(),
        maker.store().open(&id, ACCOUNT, false).err(),
    ];
    for error in errors {
        let error = error.expect("there is no such job");
        assert!(error.message().contains(id.as_str()) && error.advice().is_some(), "{error}");
    }
}

pub(crate) fn a_job_of_another_account_is_not_opened(maker: &impl Maker) {
    let id = create(maker, items(1));
    let error = maker.store().open(&id, "https://api.example/ tenant U", false).err().unwrap();
    assert!(error.message().contains("tenant T") && error.message().contains("tenant U"), "{error}");
    assert_eq!(claim(&mut open(maker, &id), 1, 0).claims.len(), 1);
}

pub(crate) fn a_removed_job_is_gone_with_its_items(maker: &impl Maker) {
    let (id, other) = (create(maker, items(5)), create(maker, items(2)));
    maker.store().remove(&id).unwrap();
    assert!(maker.store().job(&id).unwrap().is_none());
    assert!(maker.store().items(&id, None, 0, 9).is_err());
    assert_eq!(maker.store().items(&other, None, 0, 9).unwrap().len(), 2);
    let third = create(maker, items(7));
    assert_eq!(maker.store().items(&third, None, 0, 9).unwrap().len(), 7);
    assert_eq!(maker.store().job(&other).unwrap().unwrap().counts.total(), 2);
}

pub(crate) fn readers_see_a_run_while_it_goes_on(maker: &impl Maker) {
    let id = create(maker, items(3));
    let mut reader = maker.store();
    let mut ledger = open(maker, &id);
    let granted = claim(&mut ledger, 2, 0);
    record(&mut ledger, ended(&granted.claims[0], Outcome::Accepted), 1);
    let counts = Counts { pending: 1, sending: 1, accepted: 1, ..Counts::default() };
    assert_eq!(reader.job(&id).unwrap().unwrap().counts, counts);
    assert_eq!(reader.jobs().unwrap()[0].counts, counts);
    assert_eq!(reader.items(&id, Some(ItemState::Sending), 0, 9).unwrap()[0].index, 1);
    // A job may be created meanwhile.
    let other = create(maker, items(2));
    assert_eq!(reader.job(&other).unwrap().unwrap().counts.pending, 2);
    assert_eq!(indexes_of(&mut ledger), [2]);
}

fn indexes_of(ledger: &mut Box<dyn things_core::Ledger>) -> Vec<u64> {
    crate::maker::indexes(&claim(ledger, 9, 10))
}

pub(crate) fn an_item_keeps_what_a_run_recorded(maker: &impl Maker) {
    let id = create(maker, items(4));
    let mut ledger = open(maker, &id);
    let granted = claim(&mut ledger, 4, 0);
    let told = |place: usize, outcome, status| Record {
        status,
        attempts: 2,
        detail: format!("{{\"told\":\"{place} \u{e9}\"}}"),
        ..ended(&granted.claims[place], outcome)
    };
    record(&mut ledger, told(0, Outcome::Accepted, Some(201)), 10);
    record(&mut ledger, told(1, Outcome::Unknown, None), 20);
    record(&mut ledger, Record { resumable: true, ..told(2, Outcome::NotSent, Some(429)) }, 30);
    record(&mut ledger, again(&granted.claims[3], 5), 40);
    let items = maker.store().items(&id, None, 0, 9).unwrap();
    let states = [ItemState::Accepted, ItemState::Unknown, ItemState::NotSent, ItemState::NotSent];
    let statuses = [Some(201), None, Some(429), None];
    for (place, item) in items.iter().enumerate() {
        assert_eq!((item.state, item.status, item.tries), (states[place], statuses[place], 1));
        assert_eq!(item.resumable, place >= 2);
        assert!(item.claimed.is_some() && item.ended.is_some());
        if place < 3 {
            assert_eq!((item.attempts, &*item.detail), (2, &*format!("{{\"told\":\"{place} \u{e9}\"}}")));
        }
    }
    let counts = Counts { accepted: 1, unknown: 1, not_sent: 2, resumable: 2, ..Counts::default() };
    assert_eq!(maker.store().job(&id).unwrap().unwrap().counts, counts);
    // The next claim has nothing of the last.
    let granted = claim(&mut ledger, 1, 50);
    assert_eq!(granted.claims[0].index(), 3);
    let item = &maker.store().items(&id, None, 3, 1).unwrap()[0];
    assert_eq!((item.state, item.tries, item.attempts), (ItemState::Sending, 2, 0));
    assert_eq!((item.status, &*item.detail, item.ended, item.resumable), (None, "", None, false));
}
