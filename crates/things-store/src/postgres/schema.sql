create table kpn_things.ledger (
    version integer not null,
    created timestamptz not null default clock_timestamp(),
    is_only boolean primary key default true check (is_only)
);

-- The clock of the ledger. All points in time are its, so workers on machines whose clocks differ agree.
create function kpn_things.clock() returns timestamptz language sql volatile as 'select pg_catalog.clock_timestamp()';

create table kpn_things.job (
    number integer generated always as identity primary key,
    id uuid not null unique,
    created timestamptz not null,
    source text not null,
    digest text not null,
    account text not null,
    options text not null
);

create table kpn_things.item (
    job integer not null references kpn_things.job on delete cascade,
    place bigint not null,
    downlink text not null,
    customer text,
    not_after timestamptz,
    -- The name under which downlinks to one device are counted.
    device text not null,
    state text not null default 'pending'
        check (state in ('pending', 'sending', 'accepted', 'not_sent', 'unknown')),
    -- From when on it may be claimed. Null: it may not.
    ready timestamptz default '-infinity',
    token uuid,
    -- Which opened ledger has claimed it.
    worker uuid,
    claimed timestamptz,
    -- The end of the claim.
    lease timestamptz,
    ended timestamptz,
    tries integer not null default 0,
    -- The tries of the current run.
    run_tries integer not null default 0,
    attempts integer not null default 0,
    status integer,
    detail text not null default '',
    resumable boolean not null default false,
    primary key (job, place),
    check (ready is null or state in ('pending', 'not_sent')),
    check (state <> 'sending' or (token is not null and claimed is not null and lease is not null))
) with (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.1
);

create index item_claimable on kpn_things.item (job, ready, place) where ready is not null;
create index item_sending on kpn_things.item (job, lease) where state = 'sending';
create index item_device on kpn_things.item (device, claimed) where state in ('sending', 'accepted', 'unknown');

insert into kpn_things.ledger (version) values (1);
