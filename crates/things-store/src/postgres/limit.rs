//! Claims within a limit per device.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::Row;

use super::failure::Failure;
use super::item::micros;
use super::ledger::{Order, POLL};
use super::schema::LOCKS;
use super::session::Session;

/// A day in microseconds, over which downlinks to one device are counted.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// The number of items that one step looks at.
const STEP: i64 = 256;

/// The number of items after which a transaction ends, even if it has claimed fewer than it should.
const MOST: usize = 4096;

/// The second number of the lock that serializes claims within a limit. Jobs count from 1.
const CLAIMING: i32 = 0;

/// Items that are free now.
const FREE: &str = "
    select place, device, (extract(epoch from kpn_things.clock()) * 1000000)::bigint as now,
        coalesce(not_after <= kpn_things.clock(), false) as is_late
    from kpn_things.item where job = $1 and ready <= (select kpn_things.clock())
    order by ready, place limit $2::bigint for update skip locked";

/// When downlinks were sent to these devices, by all jobs.
const SENDS: &str = "
    select device, (extract(epoch from claimed) * 1000000)::bigint as claimed, state = 'sending' as is_open
    from kpn_things.item
    where device = any ($1) and state in ('sending', 'accepted', 'unknown')
        and claimed > (select kpn_things.clock()) - interval '1 day'
    order by claimed";

/// Lets items wait until a time, but not past their own end.
const DEFER: &str = "
    update kpn_things.item as item
    set ready = least('epoch'::timestamptz + given.until * interval '1 microsecond', item.not_after)
    from unnest($2::bigint[], $3::bigint[]) as given (place, until)
    where item.job = $1 and item.place = given.place";

/// Claims these items, and ends those of them whose time has passed.
pub(super) const TAKE: &str = "
    with clock as materialized (select kpn_things.clock() as now),
    claimed as (
        update kpn_things.item as item
        set state = 'sending', ready = null, token = gen_random_uuid(), worker = $5::uuid, claimed = clock.now,
            lease = clock.now + $3::bigint * interval '1 microsecond', ended = null, tries = tries + 1, run_tries = run_tries + 1,
            attempts = 0, status = null, detail = '', resumable = false
        from clock where item.job = $1 and item.place = any ($2::bigint[])
        returning array_position($2::bigint[], item.place), item.place, item.token, item.run_tries, item.downlink, item.customer, item.not_after
    ),
    late as (
        update kpn_things.item as item
        set state = 'not_sent', ready = null, ended = clock.now, resumable = false,
            worker = $5::uuid, detail = 'its not_after had passed before it could be sent'
        from clock where item.job = $1 and item.place = any ($4::bigint[])
        returning array_position($4::bigint[], item.place), item.place, null::uuid, 0, item.downlink, item.customer, item.not_after
    )
    select * from claimed union all select * from late order by 1";

/// The statement that waits until no other worker claims within a limit.
pub(super) fn lock() -> String {
    format!("select pg_advisory_xact_lock({LOCKS}, {CLAIMING})")
}

/// Claims items of devices that have had fewer than `most` downlinks in a day. The others wait for their device. Returns the
/// rows, and whether items may be left that were not looked at.
pub(super) async fn claim(
    session: &mut Session,
    order: &Order,
    most: u32,
) -> Result<(Vec<Row>, bool), Failure> {
    let (mut rows, mut seen, mut claimed) = (Vec::new(), 0, 0);
    while claimed < order.claim {
        if seen >= MOST {
            return Ok((rows, true));
        }
        let free = session.prepare(FREE).await?;
        let free = session.run(&free, &[&order.job, &STEP]).await?;
        if free.is_empty() {
            return Ok((rows, false));
        }
        seen += free.len();
        let choice = choose(session, &free, order.claim - claimed, most).await?;
        claimed += choice.claimed.len();
        let (take, defer) = (session.prepare(TAKE).await?, session.prepare(DEFER).await?);
        rows.extend(
            session
                .run(&take, &[&order.job, &choice.claimed, &order.lease, &choice.late, &order.name])
                .await?,
        );
        session.run(&defer, &[&order.job, &choice.deferred, &choice.until]).await?;
    }
    Ok((rows, false))
}

/// What follows for the items of one step.
#[derive(Default)]
struct Choice {
    claimed: Vec<i64>,
    late: Vec<i64>,
    deferred: Vec<i64>,
    /// Until when each of those waits.
    until: Vec<i64>,
}

/// The downlinks of a day to one device.
#[derive(Default)]
struct Sends {
    /// When they were claimed, in order.
    claimed: Vec<i64>,
    /// Whether one of them is in flight. It does not count if it is not sent.
    is_open: bool,
}

impl Sends {
    /// Returns the time at which to look again whether there is a place for another one, if there is none now.
    fn free_at(&self, most: u32, now: i64) -> Option<i64> {
        // The downlink that has to be a day old before there is a place.
        let over = self.claimed.len().checked_sub(most as usize)?;
        let free = self.claimed.get(over).map(|claimed| claimed + DAY)?;
        Some(if self.is_open { free.min(now + micros(POLL)) } else { free })
    }
}

async fn choose(session: &mut Session, free: &[Row], claims: usize, most: u32) -> Result<Choice, Failure> {
    let devices = free.iter().map(|row| row.try_get("device")).collect::<Result<BTreeSet<String>, _>>()?;
    let devices: Vec<String> = devices.into_iter().collect();
    let statement = session.prepare(SENDS).await?;
    let mut sends: HashMap<String, Sends> = HashMap::new();
    for row in session.run(&statement, &[&devices]).await? {
        let sends = sends.entry(row.try_get("device")?).or_default();
        sends.claimed.push(row.try_get("claimed")?);
        sends.is_open |= row.try_get::<_, bool>("is_open")?;
    }
    let mut choice = Choice::default();
    for row in free {
        if choice.claimed.len() == claims {
            break;
        }
        let (place, now): (i64, i64) = (row.try_get("place")?, row.try_get("now")?);
        if row.try_get("is_late")? {
            choice.late.push(place);
            continue;
        }
        let sends = sends.entry(row.try_get("device")?).or_default();
        match sends.free_at(most, now) {
            Some(free) => {
                choice.deferred.push(place);
                choice.until.push(free);
            }
            None => {
                choice.claimed.push(place);
                sends.claimed.push(now);
                sends.is_open = true;
            }
        }
    }
    Ok(choice)
}
