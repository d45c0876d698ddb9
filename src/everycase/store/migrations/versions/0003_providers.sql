-- Embedding providers (contract section 7).

-- Budget and breaker, shared by every thread, process and machine: a row a provider.
create table recon.provider_state (
  provider text primary key,
  requests_at timestamptz not null default 'epoch',
  tokens_at timestamptz not null default 'epoch',
  held_until timestamptz not null default 'epoch',
  failures integer not null default 0,
  calls integer not null default 0,
  timeouts integer not null default 0,
  openings integer not null default 0,
  open_until timestamptz,
  probe_until timestamptz,
  trouble text,
  updated_at timestamptz not null default now()
) with (fillfactor = 50);
comment on column recon.provider_state.open_until is 'null: the breaker is closed; in the past: a probe may be made';

-- When a breaker opened and closed, and why.
create table recon.provider_events (
  event_id bigint generated always as identity primary key,
  provider text not null,
  event text not null check (event in ('opened', 'closed')),
  trouble text,
  at timestamptz not null
);
create index on recon.provider_events (at);

-- What each run has asked of each provider, and what it cost.
create table recon.embedding_ledger (
  run_id uuid not null,
  provider text not null,
  at timestamptz not null,
  texts bigint not null,
  embedded bigint not null,
  reused bigint not null,
  calls bigint not null,
  tokens bigint not null,
  timeouts bigint not null,
  seconds double precision not null,
  cost double precision not null,
  primary key (run_id, provider)
) with (fillfactor = 50);
create index on recon.embedding_ledger (at);

alter table recon.sync_runs drop constraint sync_runs_status_check;
alter table recon.sync_runs add constraint sync_runs_status_check
  check (status in ('running', 'completed', 'failed', 'stopped', 'deferred'));
