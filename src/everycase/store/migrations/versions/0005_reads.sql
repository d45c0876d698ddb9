-- Which source this database holds; another one is refused.
create table recon.source_binding (
  is_only_row boolean primary key default true check (is_only_row),
  identity text not null,
  bound_at timestamptz not null
);
insert into recon.source_binding (identity, bound_at)
select source, start_time from recon.sync_runs order by start_time desc limit 1;

-- The balance of every read of the source, kept as long as the runs.
create table recon.reads (
  read_id bigint generated always as identity primary key,
  run_id uuid,
  purpose text not null check (purpose in ('changes', 'inventory', 'fetch')),
  object text not null,
  "window" text not null,
  announced bigint,
  read bigint not null,
  counted bigint,
  whole boolean not null,
  problem text not null,
  at timestamptz not null
);
create index on recon.reads (run_id);
create index on recon.reads (at);

-- The digest of the live rows as a number, so that it can be moved along.
alter table recon.watermarks
  alter column digest type numeric using nullif(split_part(digest, ':', 2), '')::numeric;
