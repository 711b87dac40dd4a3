//! Jobs: created, read, opened and removed.

use things_core::LedgerError;
use tokio_postgres::Row;
use uuid::Uuid;

use super::failure::Failure;
use super::item::{self, Columns, signed, storable};
use super::ledger::{LOST, Place};
use super::schema::{self, LOCKS};
use super::session::Session;
use crate::{Counts, Job, JobId, NewJob, Resolution, StoredItem};

/// Jobs and their counts. A claim that has outlived its lease is unknown, also before a worker has recorded it.
const JOBS: &str = "
    select job.id, job.created, job.source, job.digest, job.account, job.options, counts.*
    from kpn_things.job as job cross join lateral (
        select count(*) filter (where state = 'pending') as pending,
            count(*) filter (where state = 'sending' and lease > clock.now) as sending,
            count(*) filter (where state = 'accepted') as accepted,
            count(*) filter (where state = 'not_sent') as not_sent,
            count(*) filter (where state = 'not_sent' and resumable) as resumable,
            count(*) filter (where state = 'unknown' or (state = 'sending' and lease <= clock.now)) as unknown
        from kpn_things.item, (select kpn_things.clock() as now offset 0) as clock
        where job = job.number
    ) as counts
    where $1::uuid is null or job.id = $1
    order by job.created desc, job.id desc";

/// Adds items to the new job with this id.
const INSERT: &str = "
    insert into kpn_things.item (job, place, downlink, customer, not_after, device)
    select $1, given.* from unnest($2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[]) as given";

pub(super) async fn jobs(session: &mut Session, id: Option<&JobId>) -> Result<Vec<Job>, Failure> {
    let rows = session.query(JOBS, &[&id.map(uuid)]).await?;
    rows.iter().map(read).collect()
}

pub(super) async fn ids(session: &mut Session, digest: Option<&str>) -> Result<Vec<JobId>, Failure> {
    let text =
        "select id from kpn_things.job where $1::text is null or digest = $1 order by created desc, id desc";
    let rows = session.query(text, &[&digest]).await?;
    rows.iter().map(|row| Ok(row.try_get::<_, Uuid>("id")?.to_string().parse()?)).collect()
}

fn read(row: &Row) -> Result<Job, Failure> {
    let count = |name: &str| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
    Ok(Job {
        id: row.try_get::<_, Uuid>("id")?.to_string().parse()?,
        created: row.try_get("created")?,
        source: row.try_get("source")?,
        digest: row.try_get("digest")?,
        account: row.try_get("account")?,
        options: row.try_get("options")?,
        counts: Counts {
            pending: count("pending")?,
            sending: count("sending")?,
            accepted: count("accepted")?,
            not_sent: count("not_sent")?,
            resumable: count("resumable")?,
            unknown: count("unknown")?,
        },
    })
}

/// Begins a transaction with a new job, and returns its number.
pub(super) async fn begin(session: &mut Session, job: &NewJob) -> Result<i32, Failure> {
    session.begin("").await?;
    let text = "insert into kpn_things.job (id, created, source, digest, account, options)
        values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning number";
    let created = storable(job.created);
    let parameters: [super::session::Parameter<'_>; 6] =
        [&uuid(&job.id), &created, &job.source, &job.digest, &job.account, &job.options];
    match session.query(text, &parameters).await?.first() {
        Some(row) => Ok(row.try_get(0)?),
        None => Err(LedgerError::new(format!("the ledger already has a job {}", job.id)).into()),
    }
}

/// Adds items to the job of the transaction, the first of which has this place.
pub(super) async fn insert(
    session: &mut Session,
    job: i32,
    first: u64,
    items: &[Columns],
) -> Result<(), Failure> {
    let insert = session.prepare(INSERT).await?;
    let places: Vec<i64> = (first..).take(items.len()).map(signed).collect();
    let downlinks: Vec<&str> = items.iter().map(|item| item.downlink.as_str()).collect();
    let customers: Vec<Option<&str>> = items.iter().map(|item| item.customer.as_deref()).collect();
    let ends: Vec<_> = items.iter().map(|item| item.not_after).collect();
    let devices: Vec<&str> = items.iter().map(|item| item.device.as_str()).collect();
    session.run(&insert, &[&job, &places, &downlinks, &customers, &ends, &devices]).await?;
    Ok(())
}

pub(super) async fn items(
    session: &mut Session,
    id: &JobId,
    state: Option<&'static str>,
    first: u64,
    most: usize,
) -> Result<Vec<StoredItem>, Failure> {
    let text = format!(
        "select item.place, {}, tries, attempts, status, claimed, resumable, shown.state,
            case when shown.is_lost then '{LOST}' else item.detail end as detail,
            case when shown.is_lost then item.lease else item.ended end as ended
        from kpn_things.job as job
        join kpn_things.item as item on item.job = job.number
        cross join (select kpn_things.clock() as now offset 0) as clock
        cross join lateral (
            select item.state = 'sending' and item.lease <= clock.now as is_lost offset 0
        ) as found
        cross join lateral (
            select found.is_lost, case when found.is_lost then 'unknown' else item.state end as state
        ) as shown
        where job.id = $1 and item.place >= $2 and ($4::text is null or shown.state = $4)
        order by item.place limit $3",
        item::COLUMNS
    );
    let rows = session.query(&text, &[&uuid(id), &signed(first), &signed(most as u64), &state]).await?;
    if rows.is_empty() {
        number(session, id, None).await?;
    }
    rows.iter().map(item::read_stored).collect()
}

/// Returns the number of a job, once no worker is in a transaction of it. Further ones wait for the end of this one.
async fn alone(session: &mut Session, id: &JobId) -> Result<i32, Failure> {
    session.begin("").await?;
    let number = number(session, id, None).await?;
    session.batch(&format!("select pg_advisory_xact_lock({LOCKS}, {number})")).await?;
    Ok(number)
}

async fn number(session: &mut Session, id: &JobId, account: Option<&str>) -> Result<i32, Failure> {
    let rows =
        session.query("select number, account from kpn_things.job where id = $1", &[&uuid(id)]).await?;
    let Some(row) = rows.first() else {
        return Err(LedgerError::new(format!("the ledger has no job {id}"))
            .hint("see `things downlink jobs list`")
            .into());
    };
    let owner: &str = row.try_get("account")?;
    match account {
        Some(account) if account != owner => {
            let message = format!("the job {id} belongs to another account: {owner}, not {account}");
            Err(LedgerError::new(message).hint("use the credentials that it was created with").into())
        }
        _ => Ok(row.try_get("number")?),
    }
}

/// Opens a job: begins the next run of it, with what earlier ones have not sent.
pub(super) async fn open(
    session: &mut Session,
    id: &JobId,
    account: &str,
    again: bool,
) -> Result<Place, Failure> {
    schema::durable(session).await?;
    number(session, id, Some(account)).await?;
    let job = alone(session, id).await?;
    let text = "update kpn_things.item set state = 'unknown', ended = kpn_things.clock(), detail = $2
        where job = $1 and state = 'sending' and lease <= kpn_things.clock()";
    session.query(text, &[&job, &LOST]).await?;
    let text = "update kpn_things.item set ready = '-infinity', resumable = state = 'not_sent', run_tries = 0
        where job = $1 and (
            (state = 'pending' and ready is distinct from '-infinity')
            or (state = 'not_sent' and (resumable or $2))
        )";
    session.query(text, &[&job, &again]).await?;
    session.batch("commit").await?;
    place(session, job).await
}

/// Joins the run of a job.
pub(super) async fn join(session: &mut Session, id: &JobId, account: &str) -> Result<Place, Failure> {
    schema::durable(session).await?;
    let job = number(session, id, Some(account)).await?;
    // Fails where nothing can be written, before anything is sent.
    session.begin("update kpn_things.item set tries = tries where false; rollback").await?;
    place(session, job).await
}

/// Names a worker of a job.
async fn place(session: &Session, job: i32) -> Result<Place, Failure> {
    Ok(Place { job, worker: session.value("select gen_random_uuid()").await? })
}

pub(super) async fn resolve(
    session: &mut Session,
    id: &JobId,
    index: u64,
    resolution: Resolution,
) -> Result<(), Failure> {
    let job = alone(session, id).await?;
    idle(session, id, job).await?;
    // A request can be in flight as long as the claim may be sent, and then as long as the call may take, which is less
    // than the lease.
    let text = "select case when state = 'sending' then 'unknown' else state end as state,
            ceil(extract(epoch from lease + (lease - claimed) - kpn_things.clock()))::bigint as wait
        from kpn_things.item where job = $1 and place = $2";
    let rows = session.query(text, &[&job, &signed(index)]).await?;
    let Some(row) = rows.first() else {
        return Err(LedgerError::new(format!("the job {id} has no item {index}"))
            .hint("see its items with `things downlink jobs show`")
            .into());
    };
    let state: &str = row.try_get("state")?;
    if state != "unknown" {
        let message = format!("item {index} of the job {id} is {state}, not unknown");
        return Err(LedgerError::new(message).hint("only an unknown item can be resolved").into());
    }
    let wait = row.try_get::<_, Option<i64>>("wait")?.filter(|wait| *wait > 0);
    // Only what will be sent again has to wait.
    if let Some(wait) = wait.filter(|_| resolution == Resolution::NotSent) {
        return Err(LedgerError::new("a request for it may still be in flight")
            .hint(format!("wait {wait} s, then try again"))
            .into());
    }
    // Without its token, a late outcome of the claim changes nothing any more.
    let text = "update kpn_things.item
        set state = $3, resumable = $4, ready = null, token = null, ended = kpn_things.clock(),
            detail = 'resolved by hand: ' || detail
        where job = $1 and place = $2";
    let (state, resumable) = match resolution {
        Resolution::Accepted => ("accepted", false),
        Resolution::NotSent => ("not_sent", true),
    };
    session.query(text, &[&job, &signed(index), &state, &resumable]).await?;
    session.batch("commit").await
}

pub(super) async fn remove(session: &mut Session, id: &JobId) -> Result<(), Failure> {
    let job = alone(session, id).await?;
    idle(session, id, job).await?;
    session.query("delete from kpn_things.job where number = $1", &[&job]).await?;
    session.batch("commit").await
}

/// Refuses a job of which a claim is alive.
async fn idle(session: &mut Session, id: &JobId, job: i32) -> Result<(), Failure> {
    let text = "select count(*), ceil(extract(epoch from max(lease) - kpn_things.clock()))::bigint
        from kpn_things.item where job = $1 and state = 'sending' and lease > kpn_things.clock()";
    let rows = session.query(text, &[&job]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (count, wait): (i64, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    match wait {
        None => Ok(()),
        Some(wait) => {
            let message = format!("a run of the job {id} is in progress: {count} of its items are in flight");
            let hint = format!("stop its workers, or, if they are gone, wait {wait} s, then try again");
            Err(LedgerError::new(message).hint(hint).into())
        }
    }
}

fn uuid(id: &JobId) -> Uuid {
    // A job's id has been checked to be one.
    Uuid::parse_str(id.as_str()).unwrap_or_default()
}
