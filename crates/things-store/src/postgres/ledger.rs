//! The transactions of a run.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use futures_util::future::join4;
use things_core::{BulkItem, Claim, ClaimToken, Granted, Ledger, LedgerError, Outcome, Record, Transaction};
use tokio::time::timeout;
use tokio_postgres::Row;
use uuid::Uuid;

use super::failure::Failure;
use super::item::{self, micros, signed};
use super::limit;
use super::link::Link;
use super::schema::LOCKS;
use super::session::Session;
use crate::ItemState;

/// How long a transaction may take. Longer than the server takes to fail over would not help: leases end meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the query after a transaction may take.
const LOOK_AHEAD: Duration = Duration::from_secs(5);

/// The largest number of items that one transaction ends because their time has passed.
const EXPIRE: i64 = 1_000;

/// The time after which an item that another worker has, or a device to which a downlink is in flight, can be free, at the
/// earliest.
pub(super) const POLL: Duration = Duration::from_secs(1);

/// The time after which an item that is free, but that the transaction of another worker is at, is looked at again.
const SOON: Duration = Duration::from_millis(50);

/// The detail of an item whose claim has outlived its lease, as in [`RECORD`].
pub(super) const LOST: &str = "its worker was lost while it was in flight";

/// Records outcomes. A claim that has outlived its lease becomes unknown; one that another transaction is at is left to it.
/// Returns nothing if the job was removed.
const RECORD: &str = "
    with clock as materialized (select kpn_things.clock() as now),
    given as (
        select * from unnest($2::bigint[], $3::uuid[], $4::text[], $5::bigint[], $6::boolean[], $7::integer[],
            $8::integer[], $9::text[])
            as given (place, token, state, again, resumable, status, attempts, detail)
    ),
    recorded as (
        update kpn_things.item as item
        set state = given.state,
            ready = case when given.again is not null
                then least(clock.now + given.again * interval '1 microsecond', item.not_after) end,
            ended = case when item.state = given.state then item.ended else clock.now end,
            resumable = given.resumable, status = given.status, attempts = given.attempts, detail = given.detail
        from given, clock
        where item.job = $1 and item.place = given.place and item.token = given.token
            and item.state in ('sending', 'unknown')
    ),
    expired as materialized (
        select place from kpn_things.item
        where job = $1 and state = 'sending' and lease <= (select now from clock) and place <> all ($2)
        for update skip locked
    ),
    swept as (
        update kpn_things.item as item
        set state = 'unknown', ended = clock.now, detail = 'its worker was lost while it was in flight'
        from expired, clock where item.job = $1 and item.place = expired.place
    )
    select number from kpn_things.job where number = $1";

/// Claims items, and ends those before the last of them whose time has passed.
const CLAIM: &str = "
    with clock as materialized (select kpn_things.clock() as now),
    picked as materialized (
        select place, ready from kpn_things.item
        where job = $1 and ready <= (select now from clock)
            and (not_after is null or not_after > (select now from clock))
        order by ready, place limit $2::bigint for update skip locked
    ),
    last as materialized (
        select ready, place from picked
        where (select count(*) from picked) = $2::bigint order by ready desc, place desc limit 1
    ),
    passed as materialized (
        select place, ready from kpn_things.item
        where $2::bigint > 0 and job = $1 and ready <= (select now from clock) and not_after <= (select now from clock)
            and (ready, place) < (coalesce((select ready from last), 'infinity'),
                coalesce((select place from last), 9223372036854775807))
        order by ready, place limit $5::bigint for update skip locked
    ),
    claimed as (
        update kpn_things.item as item
        set state = 'sending', ready = null, token = gen_random_uuid(), worker = $4::uuid, claimed = clock.now,
            lease = clock.now + $3::bigint * interval '1 microsecond', ended = null, tries = tries + 1, run_tries = run_tries + 1,
            attempts = 0, status = null, detail = '', resumable = false
        from picked, clock where item.job = $1 and item.place = picked.place
        returning picked.ready, item.place, item.token, item.run_tries, item.downlink, item.customer, item.not_after
    ),
    late as (
        update kpn_things.item as item
        set state = 'not_sent', ready = null, ended = clock.now, resumable = false,
            worker = $4::uuid, detail = 'its not_after had passed before it could be sent'
        from passed, clock where item.job = $1 and item.place = passed.place
        returning passed.ready, item.place, null::uuid, 0, item.downlink, item.customer, item.not_after
    )
    select * from claimed union all select * from late order by ready, place";

/// Undoes the claims of transactions of which this worker never learned whether they were committed. Nothing was sent for
/// them, because no run has them. Items that expired in such a transaction expire again.
const UNDO: &str = "
    with lost as materialized (
        select place from kpn_things.item
        where job = $1 and worker = any ($2)
            and (state in ('sending', 'unknown') and token is not null
                or state = 'not_sent' and ready is null and not resumable)
        for update skip locked
    )
    update kpn_things.item as item
    set state = 'pending', ready = '-infinity', token = null, worker = null, claimed = null, lease = null, ended = null,
        tries = tries - (state <> 'not_sent')::integer, run_tries = run_tries - (state <> 'not_sent')::integer,
        attempts = 0, status = null, detail = ''
    from lost where item.job = $1 and item.place = lost.place";

/// When the next item may be claimed, in microseconds from now, and whether another worker, or nobody, has
/// claims that can be given back.
const NEXT: &str = "
    select case when min(ready) = '-infinity' then 0
            else (extract(epoch from min(ready) - kpn_things.clock()) * 1000000)::bigint end as wait,
        exists (select from kpn_things.item where job = $1 and state = 'sending'
            and (worker not between $2 and $3 or worker = any ($4))) as is_shared
    from kpn_things.item where job = $1 and ready is not null";

/// A job, as one worker uses it.
#[derive(Debug)]
pub(super) struct PostgresLedger {
    link: Link,
    place: Place,
    /// The number of transactions so far.
    transactions: u32,
    /// The names of those that failed, and can have been committed all the same.
    lost: Vec<Uuid>,
    /// Whether such a transaction may have left claims that this worker can undo now.
    looks_back: bool,
}

/// The job of a worker, and the worker's own name in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) job: i32,
    pub(super) worker: Uuid,
}

impl Place {
    /// The name of a transaction of the worker: the last 32 bits are its number.
    fn transaction(self, number: u32) -> Uuid {
        Uuid::from_u128(self.worker.as_u128() & !u128::from(u32::MAX) | u128::from(number))
    }
}

impl PostgresLedger {
    pub(super) fn new(link: Link, place: Place) -> Self {
        Self { link, place, transactions: 0, lost: Vec::new(), looks_back: false }
    }
}

impl Ledger for PostgresLedger {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        /// So many failed transactions are remembered. The server has long ended those before.
        const MOST: usize = 64;
        self.transactions = self.transactions.wrapping_add(1);
        let name = self.place.transaction(self.transactions);
        let order = Order::of(self.place, name, self.lost.clone(), transaction);
        let looks_back = self.looks_back;
        let result = self.link.call(PATIENCE, async move |session| {
            if looks_back {
                order.undo_lost(session).await?;
            }
            order.carry_out(session).await
        });
        match &result {
            // The server can commit a transaction after its connection was lost, so look again before the run ends.
            Ok(granted) => {
                self.looks_back = !self.lost.is_empty() && granted.claims.len() < transaction.claim
            }
            Err(_) => {
                if self.lost.len() == MOST {
                    self.lost.remove(0);
                }
                self.lost.push(name);
                self.looks_back = true;
            }
        }
        result
    }
}

/// A transaction in the form of its parameters.
pub(super) struct Order {
    pub(super) job: i32,
    /// The name of the transaction, by which its claims are known.
    pub(super) name: Uuid,
    /// The names of the first and the last transaction of the worker.
    own: (Uuid, Uuid),
    lost: Vec<Uuid>,
    pub(super) claim: usize,
    pub(super) lease: i64,
    per_device: Option<u32>,
    places: Vec<i64>,
    tokens: Vec<Uuid>,
    states: Vec<&'static str>,
    again: Vec<Option<i64>>,
    resumable: Vec<bool>,
    statuses: Vec<Option<i32>>,
    attempts: Vec<i32>,
    details: Vec<String>,
}

impl Order {
    fn of(place: Place, name: Uuid, lost: Vec<Uuid>, transaction: &Transaction) -> Self {
        let mut records: Vec<&Record> = Vec::new();
        let mut known = HashMap::new();
        for record in &transaction.outcomes {
            // One statement records them all, so there must be one per claim: the last, but only Unknown can change.
            match known.entry((record.id, record.token)) {
                Entry::Vacant(entry) => {
                    entry.insert(records.len());
                    records.push(record);
                }
                Entry::Occupied(entry) => {
                    let earlier = records.get_mut(*entry.get()).filter(|it| it.outcome == Outcome::Unknown);
                    if let Some(earlier) = earlier {
                        *earlier = record;
                    }
                }
            }
        }
        Self {
            job: place.job,
            name,
            own: (place.transaction(0), place.transaction(u32::MAX)),
            lost,
            claim: transaction.claim,
            lease: micros(transaction.lease),
            per_device: transaction.per_device,
            places: records.iter().map(|record| signed(record.id)).collect(),
            tokens: records.iter().map(|record| Uuid::from_u128(record.token.0)).collect(),
            states: records.iter().map(|record| state(record.outcome)).collect(),
            again: records.iter().map(|record| record.again.map(micros)).collect(),
            resumable: records.iter().map(|record| record.again.is_some() || record.resumable).collect(),
            statuses: records.iter().map(|record| record.status.map(i32::from)).collect(),
            attempts: records
                .iter()
                .map(|record| i32::try_from(record.attempts).unwrap_or(i32::MAX))
                .collect(),
            // PostgreSQL has no text with this character.
            details: records.iter().map(|record| record.detail.replace('\0', "\u{fffd}")).collect(),
        }
    }

    /// Undoes what no run has, in a transaction before this one.
    async fn undo_lost(&self, session: &mut Session) -> Result<(), Failure> {
        let undo = session.prepare(UNDO).await?;
        session.begin(&self.lock()).await?;
        session.run(&undo, &[&self.job, &self.lost]).await?;
        session.batch("commit").await
    }

    async fn carry_out(&self, session: &mut Session) -> Result<Granted, Failure> {
        match self.per_device {
            Some(most) if self.claim > 0 => self.carry_out_within(session, most).await,
            _ => self.carry_out_at_once(session).await,
        }
    }

    /// The whole transaction in one exchange with the server. If one of its statements fails, so do those behind it, and
    /// the server rolls back.
    async fn carry_out_at_once(&self, session: &mut Session) -> Result<Granted, Failure> {
        let (record, claim) = (session.prepare(RECORD).await?, session.prepare(CLAIM).await?);
        let lock = self.lock();
        let most = signed(self.claim as u64);
        let (begun, recorded, claimed, committed) = join4(
            session.begin(&lock),
            session.run(&record, &self.records()),
            session.run(&claim, &[&self.job, &most, &self.lease, &self.name, &EXPIRE]),
            session.batch("commit"),
        )
        .await;
        begun?;
        self.check(&recorded?)?;
        let claimed = claimed?;
        committed?;
        let mut granted = Granted::default();
        self.grant(&claimed, &mut granted)?;
        if granted.claims.len() < self.claim {
            let is_cut = signed(granted.expired.len() as u64) == EXPIRE;
            granted.next = self.look_ahead(session, is_cut).await;
        }
        Ok(granted)
    }

    /// The transaction with a limit per device. Only one worker at a time claims within a limit, so that two cannot claim
    /// the last place of a device.
    async fn carry_out_within(&self, session: &mut Session, most: u32) -> Result<Granted, Failure> {
        let record = session.prepare(RECORD).await?;
        session.begin(&format!("{}; {}", self.lock(), limit::lock())).await?;
        self.check(&session.run(&record, &self.records()).await?)?;
        let (rows, is_cut) = limit::claim(session, self, most).await?;
        let mut granted = Granted::default();
        self.grant(&rows, &mut granted)?;
        session.batch("commit").await?;
        if granted.claims.len() < self.claim {
            granted.next = self.look_ahead(session, is_cut).await;
        }
        Ok(granted)
    }

    /// The statement by which the job is neither removed nor opened during the transaction.
    fn lock(&self) -> String {
        format!("select pg_advisory_xact_lock_shared({LOCKS}, {})", self.job)
    }

    fn records(&self) -> [super::session::Parameter<'_>; 9] {
        [
            &self.job,
            &self.places,
            &self.tokens,
            &self.states,
            &self.again,
            &self.resumable,
            &self.statuses,
            &self.attempts,
            &self.details,
        ]
    }

    fn check(&self, rows: &[Row]) -> Result<(), Failure> {
        if rows.is_empty() {
            Err(LedgerError::new("the job was removed from the ledger").into())
        } else {
            Ok(())
        }
    }

    fn grant(&self, rows: &[Row], granted: &mut Granted) -> Result<(), Failure> {
        for row in rows {
            let (index, item): (u64, BulkItem) = (item::place(row)?, item::read(row)?);
            match row.try_get::<_, Option<Uuid>>("token")? {
                Some(token) => {
                    let tries: i32 = row.try_get("run_tries")?;
                    let tries = u32::try_from(tries).unwrap_or(u32::MAX);
                    granted.claims.push(Claim::new(index, index, ClaimToken(token.as_u128()), tries, item));
                }
                None => granted.expired.push((index, item)),
            }
        }
        Ok(())
    }

    /// Returns when to try next. The claims are durable and must reach the run, so a failure only means to look again.
    async fn look_ahead(&self, session: &mut Session, is_cut: bool) -> Option<Duration> {
        match timeout(LOOK_AHEAD, self.next(session, is_cut)).await {
            Ok(Ok(next)) => next,
            Ok(Err(_)) | Err(_) => Some(SOON),
        }
    }

    /// Returns how long to wait before the next try. `None`: nothing can become claimable.
    async fn next(&self, session: &mut Session, is_cut: bool) -> Result<Option<Duration>, Failure> {
        if is_cut {
            return Ok(Some(Duration::ZERO));
        }
        let next = session.prepare(NEXT).await?;
        let rows = session.run(&next, &[&self.job, &self.own.0, &self.own.1, &self.lost]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let wait: Option<i64> = row.try_get("wait")?;
        let wait = wait.map(|micros| u64::try_from(micros).ok().filter(|micros| *micros > 0));
        let wait = wait.map(|micros| micros.map_or(SOON, Duration::from_micros));
        // An item in flight can be given back. What this worker gives back, it knows itself.
        let poll = row.try_get::<_, bool>("is_shared")?.then_some(POLL);
        Ok(wait.into_iter().chain(poll).min())
    }
}

fn state(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => ItemState::Accepted.as_str(),
        Outcome::NotSent => ItemState::NotSent.as_str(),
        Outcome::Unknown => ItemState::Unknown.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_item_has_the_same_detail_whoever_finds_it() {
        assert!(RECORD.contains(&format!("'{LOST}'")));
    }

    #[test]
    fn an_item_that_is_too_late_has_the_detail_of_every_ledger() {
        assert!(CLAIM.contains(&format!("'{}'", BulkItem::TOO_LATE)));
        assert!(limit::TAKE.contains(&format!("'{}'", BulkItem::TOO_LATE)));
    }
}
