//! A run over a ledger in memory, step by step.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use super::*;
use crate::body::Body;
use crate::downlinks::FPort;
use crate::error::ErrorKind;
use crate::feed::{Commit, Feed, Scope};
use crate::stage::Stage;

fn at(millis: u64) -> Moment {
    let time = Duration::from_millis(millis);
    Moment::new(time, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + time)
}

fn item(number: u8) -> BulkItem {
    let dev_eui = format!("0059AC00000000{number:02X}").parse().unwrap();
    Downlink::raw(dev_eui, FPort::new(1).unwrap(), [number])
        .unwrap()
        .referenced(0, number.into())
        .into_owned()
        .into()
}

fn run(count: u8, options: RunOptions) -> Run<MemoryLedger> {
    Run::new(MemoryLedger::new((0..count).map(item)), options)
}

fn receipt() -> Result<Receipt, Error> {
    Ok(Receipt {
        status: StatusCode::CREATED,
        headers: HeaderMap::new(),
        body: Body::default(),
        external_reference: None,
        attempts: 1,
    })
}

fn failed(kind: ErrorKind, outcome: Outcome) -> Result<Receipt, Error> {
    Err(Error::new(kind, Stage::Call, "it failed").with(|report| report.outcome = Some(outcome)))
}

fn busy() -> Result<Receipt, Error> {
    Err(Error::new(ErrorKind::RateLimited, Stage::Call, "too many").with(|report| {
        report.outcome = Some(Outcome::NotSent);
        report.status = Some(StatusCode::TOO_MANY_REQUESTS);
    }))
}

/// What a driver does until it has to wait: the calls it was given, and the time to wait for.
fn drive<L: Ledger + Unpin>(
    run: &mut Run<L>,
    now: Moment,
) -> (Vec<(Ticket, Downlink, Scope)>, Option<Moment>) {
    let mut calls = Vec::new();
    loop {
        match run.want(now) {
            Want::Call { ticket, operation, scope } => calls.push((ticket, operation, scope)),
            Want::Commit(commit) => run.committed(commit.run()),
            Want::Until(until) => return (calls, Some(until)),
            Want::Nothing => return (calls, None),
        }
    }
}

/// Drives a run to its end on a clock that jumps, with `reply` as the service. Returns what ended, and the last time.
fn through<L: Ledger + Unpin>(
    run: &mut Run<L>,
    mut reply: impl FnMut(&Downlink, Moment) -> Result<Receipt, Error>,
) -> (Vec<Sent>, Option<Error>, Moment) {
    let (mut now, mut sent) = (at(0), Vec::new());
    for _ in 0..100_000 {
        let (calls, until) = drive(run, now);
        let mut idle = calls.is_empty();
        for (ticket, downlink, _) in calls {
            run.accept(ticket, reply(&downlink, now));
        }
        while let Some(item) = run.take() {
            match item {
                Ok(item) => {
                    idle = false;
                    sent.push(item);
                }
                Err(error) => return (sent, Some(error), now),
            }
        }
        if run.is_finished() {
            return (sent, None, now);
        }
        if idle {
            now = until.expect("a run that is not finished waits for something");
        }
    }
    panic!("the run does not end");
}

#[test]
fn every_item_is_sent_once_and_no_more_than_the_window_at_a_time() {
    let mut run = run(40, RunOptions { window: 16, ..RunOptions::default() });
    let (calls, until) = drive(&mut run, at(0));
    assert_eq!((calls.len(), until, run.progress().in_flight), (16, None, 16));
    for (ticket, ..) in calls {
        run.accept(ticket, receipt());
    }
    let (calls, _) = drive(&mut run, at(1));
    assert_eq!(calls.len(), 16);
    calls.into_iter().for_each(|(ticket, ..)| run.accept(ticket, receipt()));
    let (sent, error, _) = through(&mut run, |_, _| receipt());
    assert!(error.is_none());
    let mut indexes: Vec<_> = sent.iter().map(|sent| sent.index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, (0..40).collect::<Vec<_>>());
    assert!(sent.iter().all(|sent| sent.outcome() == Outcome::Accepted && sent.tries == 1 && sent.recorded));
    assert_eq!(run.progress().accepted, 40);
}

#[test]
fn nothing_is_called_before_the_claim_is_committed() {
    let mut run = run(2, RunOptions::default());
    let Want::Commit(commit) = run.want(at(0)) else { panic!("a claim comes first") };
    assert!(matches!(run.want(at(0)), Want::Nothing));
    run.committed(commit.run());
    assert!(matches!(run.want(at(0)), Want::Call { .. }));
}

#[test]
fn an_unknown_item_is_not_tried_again_and_a_busy_one_is() {
    let mut tries = HashMap::new();
    let mut run = run(3, RunOptions::default());
    let (sent, error, _) = through(&mut run, |downlink, _| {
        let tries = tries.entry(downlink.device().unwrap().to_string()).or_insert(0);
        *tries += 1;
        match (downlink.device().unwrap().canonical().ends_with("00"), *tries) {
            (true, _) => failed(ErrorKind::Timeout, Outcome::Unknown),
            (_, 1..4) => busy(),
            _ => receipt(),
        }
    });
    assert!(error.is_none());
    let outcomes: HashMap<_, _> =
        sent.iter().map(|sent| (sent.index, (sent.outcome(), sent.tries))).collect();
    assert_eq!(outcomes[&0], (Outcome::Unknown, 1));
    assert_eq!((outcomes[&1], outcomes[&2]), ((Outcome::Accepted, 4), (Outcome::Accepted, 4)));
    assert_eq!(run.progress().retried, 6);
}

#[test]
fn a_refused_item_does_not_end_the_rest() {
    let mut run = run(5, RunOptions::default());
    let (sent, error, _) = through(&mut run, |downlink, _| {
        if downlink.device().unwrap().canonical().ends_with("02") {
            return failed(ErrorKind::Forbidden, Outcome::NotSent);
        }
        receipt()
    });
    assert!(error.is_none());
    assert_eq!(sent.iter().filter(|sent| sent.outcome() == Outcome::Accepted).count(), 4);
    assert_eq!(run.progress().not_sent, 1);
}

#[test]
fn with_thirty_percent_busy_every_item_arrives() {
    let mut count = 0_u32;
    let mut run = run(250, RunOptions::default());
    let (sent, error, _) = through(&mut run, |_, _| {
        count = count.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if count >> 16 & 0xFF < 77 { busy() } else { receipt() }
    });
    assert!(error.is_none());
    assert_eq!(sent.iter().filter(|sent| sent.outcome() == Outcome::Accepted).count(), 250);
}

#[test]
fn a_refused_key_ends_the_run_and_every_item_is_accounted_for() {
    let mut run = run(50, RunOptions { window: 4, ..RunOptions::default() });
    let (sent, error, _) = through(&mut run, |_, _| failed(ErrorKind::Auth, Outcome::NotSent));
    assert_eq!(error.unwrap().kind(), ErrorKind::Auth);
    assert_eq!(sent.len(), 50);
    assert!(sent.iter().all(|sent| sent.outcome() == Outcome::NotSent));
    let error = sent[49].result.as_ref().unwrap_err();
    assert_eq!(error.external_reference(), sent[49].item.downlink.reference().map(|it| it.as_str()));
}

#[test]
fn a_service_that_was_never_reached_ends_the_run_at_once() {
    let mut run = run(200, RunOptions { window: 4, ..RunOptions::default() });
    let mut calls = 0;
    let (sent, error, now) = through(&mut run, |_, _| {
        calls += 1;
        failed(ErrorKind::Connect, Outcome::NotSent)
    });
    assert_eq!((error.unwrap().kind(), sent.len()), (ErrorKind::Connect, 200));
    assert!(calls <= 12 && now < at(2_000), "{calls} calls until {now:?}");
}

#[test]
fn an_outage_is_waited_for_with_few_requests() {
    let mut run = run(200, RunOptions { window: 8, ..RunOptions::default() });
    let mut refused = 0;
    let (sent, error, now) = through(&mut run, |downlink, now| {
        let first = downlink.device().unwrap().canonical().ends_with("00");
        if first || now > at(120_000) {
            return receipt();
        }
        refused += 1;
        failed(ErrorKind::Connect, Outcome::NotSent)
    });
    assert!(error.is_none());
    assert_eq!(sent.iter().filter(|sent| sent.outcome() == Outcome::Accepted).count(), 200);
    assert!(refused <= 40 && now < at(240_000), "{refused} refused until {now:?}");
}

#[test]
fn the_last_items_are_waited_for_in_an_outage_too() {
    let mut run = run(5, RunOptions { window: 8, ..RunOptions::default() });
    let (sent, error, _) = through(&mut run, |downlink, now| {
        let first = downlink.device().unwrap().canonical().ends_with("00");
        if first || now > at(120_000) { receipt() } else { failed(ErrorKind::Connect, Outcome::NotSent) }
    });
    assert!(error.is_none());
    assert_eq!(sent.iter().filter(|sent| sent.outcome() == Outcome::Accepted).count(), 5);
}

#[test]
fn an_outage_that_outlasts_patience_ends_the_run() {
    let patience = Duration::from_secs(60);
    let mut run = run(100, RunOptions { window: 8, patience, ..RunOptions::default() });
    let (sent, error, now) = through(&mut run, |downlink, _| {
        if downlink.device().unwrap().canonical().ends_with("00") {
            return receipt();
        }
        failed(ErrorKind::Connect, Outcome::NotSent)
    });
    assert_eq!((error.unwrap().kind(), sent.len()), (ErrorKind::Connect, 100));
    assert!(now > at(60_000) && now < at(200_000), "{now:?}");
}

#[test]
fn an_outage_that_leaves_items_unknown_leaves_few() {
    let mut run = run(200, RunOptions { window: 8, ..RunOptions::default() });
    let (sent, error, now) = through(&mut run, |_, _| failed(ErrorKind::Timeout, Outcome::Unknown));
    assert_eq!(error.unwrap().kind(), ErrorKind::Timeout);
    let unknown = sent.iter().filter(|sent| sent.outcome() == Outcome::Unknown).count();
    assert!(unknown <= 30 && sent.len() == 200 && now > at(300_000), "{unknown} unknown until {now:?}");
}

#[test]
fn a_busy_service_is_waited_for_although_it_accepted_nothing_yet() {
    let mut run = run(30, RunOptions { window: 8, ..RunOptions::default() });
    let (sent, error, _) = through(&mut run, |_, now| if now < at(20_000) { busy() } else { receipt() });
    assert!(error.is_none());
    assert_eq!(sent.iter().filter(|sent| sent.outcome() == Outcome::Accepted).count(), 30);
}

#[test]
fn a_rate_spreads_the_downlinks() {
    let mut run = run(10, RunOptions { rate: NonZeroU32::new(2), ..RunOptions::default() });
    let mut times = Vec::new();
    let (sent, _, _) = through(&mut run, |_, now| {
        times.push(now.monotonic().as_millis());
        receipt()
    });
    assert_eq!(sent.len(), 10);
    assert_eq!(times, (0..10).map(|number| number * 500).collect::<Vec<_>>());
}

#[test]
fn downlinks_to_one_device_wait_for_their_day_or_end_with_their_time() {
    let day = 24 * 60 * 60 * 1_000;
    let mut late = item(1);
    late.not_after = Some(at(day / 2).wall());
    let items = [item(1), item(1), item(1), late, item(2)];
    let options = RunOptions { per_device: NonZeroU32::new(2), ..RunOptions::default() };
    let mut run = Run::new(MemoryLedger::new(items), options);
    let mut times = Vec::new();
    let (sent, error, _) = through(&mut run, |_, now| {
        times.push(now.monotonic().as_millis());
        receipt()
    });
    assert!(error.is_none());
    assert_eq!(times, [0, 0, 0, u128::from(day)]);
    let late = sent.iter().find(|sent| sent.index == 3).unwrap();
    assert_eq!((late.outcome(), late.tries), (Outcome::NotSent, 0));
    assert!(late.result.as_ref().unwrap_err().to_string().contains("not_after"));
}

#[test]
fn a_stopped_run_finishes_what_is_in_flight() {
    let mut run = run(50, RunOptions { window: 4, ..RunOptions::default() });
    let (calls, _) = drive(&mut run, at(0));
    assert!(run.stop());
    assert!(drive(&mut run, at(0)).0.is_empty());
    calls.into_iter().for_each(|(ticket, ..)| run.accept(ticket, receipt()));
    let (sent, error, _) = through(&mut run, |_, _| panic!("nothing more is sent"));
    assert!(error.is_none());
    let outcomes = |outcome| sent.iter().filter(|sent| sent.outcome() == outcome).count();
    assert_eq!((outcomes(Outcome::Accepted), outcomes(Outcome::NotSent)), (4, 46));
}

/// A ledger whose transactions fail as planned: after they are done, or before.
struct Faulty {
    inner: MemoryLedger,
    failures: Vec<Option<LedgerError>>,
}

impl Ledger for Faulty {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        match self.failures.pop().flatten() {
            Some(error) => {
                if error.is_temporary() {
                    // It was done, and the confirmation is lost.
                    let _ = self.inner.commit(transaction);
                }
                Err(error)
            }
            None => self.inner.commit(transaction),
        }
    }
}

#[test]
fn claims_of_a_transaction_without_confirmation_are_not_sent() {
    let lost = LedgerError::temporary("the connection was lost");
    let inner = MemoryLedger::new((0..10).map(item));
    let options = RunOptions { window: 4, ..RunOptions::default() };
    let mut run = Run::new(Faulty { inner, failures: vec![Some(lost)] }, options);
    let (sent, error, _) = through(&mut run, |_, _| receipt());
    assert!(error.is_none());
    let indexes: Vec<_> = sent.iter().map(|sent| sent.index).collect();
    assert_eq!(indexes, (4..10).collect::<Vec<_>>(), "no run owns the first four");
}

#[test]
fn a_ledger_that_fails_ends_the_run_with_what_was_done() {
    let broken = || Some(LedgerError::new("the disk is full").hint("make room"));
    let inner = MemoryLedger::new((0..10).map(item));
    let options = RunOptions { window: 4, ..RunOptions::default() };
    let mut run = Run::new(Faulty { inner, failures: vec![broken(), broken(), None] }, options);
    let mut calls = 0;
    let (sent, error, _) = through(&mut run, |_, _| {
        calls += 1;
        receipt()
    });
    let error = error.unwrap();
    assert_eq!((error.kind(), error.hint(), calls), (ErrorKind::Ledger, Some("make room"), 4));
    assert!(sent.len() == 4 && sent.iter().all(|sent| !sent.recorded && sent.outcome() == Outcome::Accepted));
}

#[test]
fn a_claim_that_waited_longer_than_its_lease_is_given_back() {
    let mut run = run(3, RunOptions { window: 1, spare: 2, ..RunOptions::default() });
    let (calls, _) = drive(&mut run, at(0));
    assert_eq!((calls.len(), run.waiting.len()), (1, 2));
    let scope = &calls[0].2;
    assert_eq!(scope.deadline, Some(at(30_000)));
    assert_eq!(scope.not_after, Some(at(45_000).wall()));
    calls.into_iter().for_each(|(ticket, ..)| run.accept(ticket, receipt()));
    // The machine slept: the monotonic clock stood still.
    let later = Moment::new(Duration::from_millis(1), at(50_000).wall());
    let (calls, _) = drive(&mut run, later);
    assert_eq!(calls.len(), 1);
    assert_eq!(run.progress().retried, 2);
}

#[test]
fn calls_that_began_before_a_hold_do_not_prolong_it() {
    let mut run = run(60, RunOptions { window: 16, ..RunOptions::default() });
    let mut flying = VecDeque::from(drive(&mut run, at(0)).0);
    while let Some((ticket, ..)) = flying.pop_front() {
        run.accept(ticket, busy());
        flying.extend(drive(&mut run, at(1)).0);
    }
    assert!(run.progress().is_held && run.calls > 16, "{:?}", run.progress());
    assert_eq!(run.hold.until(), Some(at(1_001)), "the first wait is the shortest");
}

#[test]
fn a_claim_that_is_granted_during_a_long_hold_is_given_back_at_once() {
    let asked = Duration::from_secs(200);
    let busy = || busy().map_err(|error| error.with(|report| report.retry_after = Some(asked)));
    let mut run = run(12, RunOptions { window: 1, spare: 1, ..RunOptions::default() });
    for _ in 0..7 {
        let (ticket, ..) = drive(&mut run, at(0)).0.remove(0);
        run.accept(ticket, busy());
    }
    let Want::Call { ticket, .. } = run.want(at(0)) else { panic!("the eighth call") };
    let Want::Commit(claim) = run.want(at(0)) else { panic!("the next claim") };
    run.accept(ticket, busy());
    assert!(matches!(run.want(at(0)), Want::Nothing) && run.progress().is_held);
    run.committed(claim.run());
    assert_eq!(run.waiting.len(), 1);
    let Want::Commit(commit) = run.want(at(0)) else { panic!("the claim is given back") };
    let given_back = commit.transaction.outcomes.iter().filter(|record| record.detail.contains("claimed"));
    assert_eq!((given_back.count(), commit.transaction.claim, run.waiting.len()), (1, 0, 0));
    run.committed(commit.run());
}

#[test]
fn options_out_of_range_are_refused_before_anything_is_sent() {
    for options in [
        RunOptions { window: 0, ..RunOptions::default() },
        RunOptions { window: 257, ..RunOptions::default() },
        RunOptions { spare: 257, ..RunOptions::default() },
        RunOptions { max_tries: 0, ..RunOptions::default() },
        RunOptions { timeout: Duration::ZERO, ..RunOptions::default() },
        RunOptions { timeout: Duration::MAX, ..RunOptions::default() },
        RunOptions { patience: Duration::MAX, ..RunOptions::default() },
    ] {
        let (_, error, _) = through(&mut run(1, options), |_, _| panic!("nothing is sent"));
        assert_eq!(error.unwrap().kind(), ErrorKind::Input);
    }
}

/// A ledger whose records can be looked at.
struct Watched {
    inner: MemoryLedger,
    records: Arc<Mutex<Vec<Record>>>,
}

impl Ledger for Watched {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        self.records.lock().unwrap().extend(transaction.outcomes.iter().cloned());
        self.inner.commit(transaction)
    }
}

#[test]
fn a_dropped_run_records_how_far_each_call_was() {
    let records = Arc::default();
    let ledger = Watched { inner: MemoryLedger::new((0..5).map(item)), records: Arc::clone(&records) };
    let mut run = Run::new(ledger, RunOptions { window: 4, spare: 1, ..RunOptions::default() });
    let (mut calls, _) = drive(&mut run, at(0));
    let (done, ..) = calls.remove(0);
    run.accept(done, receipt());
    let fates: Vec<_> = calls.iter().map(|(.., scope)| scope.fate.clone().unwrap()).collect();
    fates[1].in_flight();
    fates[2].accepted();
    drop(run);
    let records = records.lock().unwrap();
    let outcome = |id| {
        let record = records.iter().find(|record| record.id == id).unwrap();
        (record.outcome, record.again.is_some())
    };
    assert_eq!(outcome(0), (Outcome::Accepted, false), "it had ended");
    assert_eq!(outcome(1), (Outcome::NotSent, true), "its request was not sent");
    assert_eq!(outcome(2), (Outcome::Unknown, false), "its request was in flight");
    assert_eq!(outcome(3), (Outcome::Unknown, false), "its response was not read");
    assert_eq!(outcome(4), (Outcome::NotSent, true), "it had no place in the window");
    assert_eq!(records.len(), 5);
    assert!(fates.iter().all(|fate| !fate.in_flight()), "no request is sent any more");
}

#[test]
fn an_aborted_run_returns_every_item_with_what_is_known() {
    let mut run = run(6, RunOptions { window: 3, ..RunOptions::default() });
    let (mut calls, _) = drive(&mut run, at(0));
    let (done, ..) = calls.remove(0);
    run.accept(done, receipt());
    calls[0].2.fate.as_ref().unwrap().in_flight();
    assert!(run.abort());
    let (late, ..) = calls.remove(0);
    run.accept(late, receipt());
    let (mut sent, error, _) = through(&mut run, |_, _| panic!("nothing more is sent"));
    assert!(error.is_none());
    sent.sort_by_key(|sent| sent.index);
    let outcomes: Vec<_> = sent.iter().map(Sent::outcome).collect();
    let rest = [Outcome::NotSent; 4];
    assert_eq!(outcomes, [&[Outcome::Accepted, Outcome::Unknown][..], &rest].concat());
    let error = sent[1].result.as_ref().unwrap_err();
    assert_eq!((error.kind(), error.external_reference().is_some()), (ErrorKind::Cancelled, true));
    assert!(error.hint().unwrap().contains("portal"), "{error}");
}

#[test]
fn a_slow_reader_holds_the_run_back() {
    let mut run = run(100, RunOptions { window: 4, ..RunOptions::default() });
    let mut sent = 0;
    for _ in 0..20 {
        // The reader takes one item whenever a whole window has ended.
        let (calls, _) = drive(&mut run, at(0));
        sent += calls.len();
        calls.into_iter().for_each(|(ticket, ..)| run.accept(ticket, receipt()));
        drive(&mut run, at(0)).0.into_iter().for_each(|(ticket, ..)| run.accept(ticket, receipt()));
        assert!(run.take().is_some());
    }
    assert!(run.ready.len() <= 12 && sent <= 40, "{} ready, {sent} sent", run.ready.len());
    let (rest, error, _) = through(&mut run, |_, _| receipt());
    assert!(error.is_none() && rest.len() == 80);
}

#[test]
fn a_retry_after_beyond_patience_is_not_waited_for() {
    let day = Duration::from_secs(24 * 60 * 60);
    let mut run = run(3, RunOptions::default());
    let (sent, error, now) = through(&mut run, |downlink, _| {
        if downlink.device().unwrap().canonical().ends_with("01") {
            return busy().map_err(|error| error.with(|report| report.retry_after = Some(day)));
        }
        receipt()
    });
    assert!(error.is_none() && now < at(60_000), "{now:?}");
    let late = sent.iter().find(|sent| sent.index == 1).unwrap();
    assert_eq!((late.outcome(), late.tries), (Outcome::NotSent, 1));

    let mut run = super::tests::run(30, RunOptions { window: 8, ..RunOptions::default() });
    let (sent, error, now) =
        through(&mut run, |_, _| busy().map_err(|error| error.with(|report| report.retry_after = Some(day))));
    assert_eq!((error.unwrap().kind(), sent.len()), (ErrorKind::RateLimited, 30));
    assert!(now < at(60_000), "{now:?}");
}

#[test]
fn a_call_that_a_watch_stops_is_not_tried_for_ever() {
    let mut run = run(3, RunOptions { max_tries: 4, ..RunOptions::default() });
    let (sent, error, _) = through(&mut run, |downlink, _| {
        if downlink.device().unwrap().canonical().ends_with("01") {
            return failed(ErrorKind::Cancelled, Outcome::NotSent);
        }
        receipt()
    });
    assert!(error.is_none());
    let stopped = sent.iter().find(|sent| sent.index == 1).unwrap();
    assert_eq!((stopped.outcome(), stopped.tries), (Outcome::NotSent, 4));
}

#[test]
fn a_connection_that_can_never_be_made_ends_the_run_and_one_customers_switch_does_not() {
    let refused = || {
        failed(ErrorKind::Connect, Outcome::NotSent)
            .map_err(|error| error.with(|report| report.gave_up_because = Some(crate::Stop::Final)))
    };
    let (sent, error, _) = through(&mut run(30, RunOptions::default()), |_, _| refused());
    assert_eq!((error.unwrap().kind(), sent.len()), (ErrorKind::Connect, 30));
    let switch = || {
        failed(ErrorKind::Auth, Outcome::NotSent)
            .map_err(|error| error.with(|report| report.stage = Stage::ContextSwitch))
    };
    let (sent, error, _) = through(&mut run(3, RunOptions::default()), |downlink, _| {
        if downlink.device().unwrap().canonical().ends_with("01") { switch() } else { receipt() }
    });
    assert!(error.is_none() && sent.iter().filter(|sent| sent.outcome() == Outcome::Accepted).count() == 2);
}

/// Items of two sub-customers, one after the other. The context switch to the first one is answered 503 until some time.
fn switching(until: Moment) -> (Vec<Sent>, Option<Error>, Moment, usize, Option<Moment>) {
    let customers = ["79658ca8-f1ba-4c25-b824-93813e9fba76", "11111111-f1ba-4c25-b824-93813e9fba76"];
    let items = (0..100).map(|number| BulkItem {
        customer: Some(customers[usize::from(number >= 50)].parse().unwrap()),
        ..item(number)
    });
    let mut run = Run::new(MemoryLedger::new(items), RunOptions::default());
    let (mut switches, mut other) = (0, None);
    let (sent, error, end) = through(&mut run, |downlink, now| {
        let dev_eui = downlink.device().unwrap().canonical();
        let number = u8::from_str_radix(&dev_eui[dev_eui.len() - 2..], 16).unwrap();
        if number >= 50 {
            other = Some(now);
            return receipt();
        }
        if now >= until {
            return receipt();
        }
        switches += 1;
        Err(Error::new(ErrorKind::Server, Stage::ContextSwitch, "unavailable").with(|report| {
            report.outcome = Some(Outcome::NotSent);
            report.status = Some(StatusCode::SERVICE_UNAVAILABLE);
        }))
    });
    (sent, error, end, switches, other)
}

#[test]
fn a_customer_whose_switch_fails_for_a_time_does_not_hold_up_the_others() {
    let (sent, error, end, switches, other) = switching(at(20_000));
    assert!(error.is_none());
    assert_eq!(sent.iter().filter(|sent| sent.outcome() == Outcome::Accepted).count(), 100);
    assert!(other.unwrap() < at(1_000), "the others were sent after {other:?}");
    assert!(switches <= 16 + 5, "{switches} calls failed");
    assert!(end < at(120_000), "the run ended at {end:?}");
}

#[test]
fn a_customer_whose_switch_fails_for_good_ends_its_own_items_alone() {
    let (sent, error, end, switches, _) = switching(at(10_000_000));
    assert!(error.is_none(), "{error:?}");
    let not_sent: Vec<_> = sent.iter().filter(|sent| sent.outcome() == Outcome::NotSent).collect();
    assert_eq!((sent.len(), not_sent.len()), (100, 50));
    for sent in not_sent {
        let error = sent.result.as_ref().unwrap_err();
        assert_eq!(
            (error.stage(), error.status()),
            (Stage::ContextSwitch, Some(StatusCode::SERVICE_UNAVAILABLE))
        );
    }
    assert!(switches < 40 && end < at(600_000), "{switches} calls failed until {end:?}");
}

#[test]
fn the_last_transaction_is_tried_again_if_its_failure_is_temporary() {
    let lost = || Some(LedgerError::temporary("the connection was lost"));
    let inner = MemoryLedger::new((0..4).map(item));
    let options = RunOptions { window: 4, ..RunOptions::default() };
    let mut run = Run::new(Refusing { inner, failures: vec![lost(), lost(), None] }, options);
    let (calls, _) = drive(&mut run, at(0));
    run.stop();
    calls.into_iter().for_each(|(ticket, ..)| run.accept(ticket, receipt()));
    let (sent, error, _) = through(&mut run, |_, _| panic!("nothing more is sent"));
    assert!(error.is_none());
    assert!(sent.len() == 4 && sent.iter().all(|sent| sent.recorded && sent.outcome() == Outcome::Accepted));
}

/// A ledger whose transactions fail as planned, before they have an effect.
struct Refusing {
    inner: MemoryLedger,
    failures: Vec<Option<LedgerError>>,
}

impl Ledger for Refusing {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        self.failures.pop().flatten().map_or_else(|| self.inner.commit(transaction), Err)
    }
}

#[test]
fn one_device_has_one_key_whatever_its_customer() {
    let key = |name: &str, customer: Option<&str>| {
        let device: crate::DeviceUrn = name.parse().unwrap();
        let pack = device.pack(r#"[{"n":"open","vb":true}]"#).unwrap();
        let downlink = Downlink::senml(pack).unwrap();
        BulkItem { customer: customer.map(|id| id.parse().unwrap()), ..downlink.into() }.device_key()
    };
    let device = "0059AC0000181EB6";
    assert_eq!(key(device, None), key("urn:dev:DEVEUI:0059ac0000181eb6:", Some("a")));
    assert_ne!(key("urn:example:valve-1", Some("a")), key("urn:example:valve-1", Some("b")));
}

#[test]
fn debug_of_a_record_does_not_show_the_response() {
    let claim = Claim::new(1, 0, ClaimToken(1), 1, item(1));
    let shown = format!("{:?}", Record::of(&claim, Outcome::Accepted, "0102 secret"));
    assert!(shown.contains("detail: 11") && !shown.contains("secret"), "{shown}");
}
