-- Ids are consecutive: `last` is the newest one, and `removed` the newest one that was removed.
create table kpn_things.inbox (
    version integer not null,
    last bigint not null default 0,
    removed bigint not null default 0,
    is_only boolean primary key default true check (is_only)
);

create table kpn_things.message (
    id bigint primary key,
    received timestamptz not null,
    source text not null,
    label text,
    -- The length of each name and value, and their bytes.
    headers bytea not null,
    body bytea not null
);

-- The SHA-256 digests of the bodies that were stored within the time in which duplicates are looked for.
create table kpn_things.digest (
    digest bytea primary key,
    received timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0.05);

create index digest_received on kpn_things.digest (received);

create table kpn_things.consumer (
    name text primary key,
    message bigint not null
) with (fillfactor = 50);

insert into kpn_things.inbox (version) values (1);
