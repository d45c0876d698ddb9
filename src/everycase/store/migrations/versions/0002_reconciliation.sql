-- Reconciliation (contract sections 12 to 14).

-- Which disagreements a run found, case by case, and what became of each.
create table recon.gaps (
  run_id uuid not null references recon.reconciliation_runs on delete cascade,
  kind text not null,
  object text not null,
  record_id text,
  case_number text,
  object_id uuid,
  method text,
  outcome text not null check (outcome in ('open', 'recovered', 'withheld'))
);
create index on recon.gaps (run_id, kind);

create index on recon.reconciliation_runs (start_time desc);
create index failed_records_due on recon.failed_records (next_retry_time) where not resolved;

-- The audit trail also tells when a disagreement about a case was found.
alter table recon.lineage_events drop constraint lineage_events_event_check;
alter table recon.lineage_events add constraint lineage_events_event_check
  check (event in ('entered', 'exited', 'failed', 'deleted', 'gap'));

-- What staging held when an object had been read whole: says later whether it still does.
alter table recon.watermarks add column digest text;

alter table recon.sync_runs drop constraint sync_runs_status_check;
alter table recon.sync_runs add constraint sync_runs_status_check
  check (status in ('running', 'completed', 'failed', 'stopped'));

-- Whether the pipeline may run: stopped by too many failures, until a person lets it go on.
create table recon.pipeline_state (
  is_only_row boolean primary key default true check (is_only_row),
  is_stopped boolean not null default false,
  reason text,
  since timestamptz,
  run_id uuid
);
insert into recon.pipeline_state default values;

-- Alerts that stand: sent when they start, worsen by half or end (contract section 13).
create table recon.alert_state (
  rule text primary key,
  value double precision not null,
  started_at timestamptz not null,
  sent_at timestamptz not null,
  sent_value double precision not null
);

-- Jobs that come round: claimed under an advisory lock by one UPDATE.
create table recon.schedule (
  name text primary key,
  last_start timestamptz not null default 'epoch',
  last_end timestamptz not null default 'epoch',
  last_error text
);

-- What stays of the runs when they are gone: a row a day, for trends.
create table recon.daily_rollup (
  day date primary key,
  runs integer not null,
  cases bigint not null,
  completeness double precision not null,
  gaps bigint not null,
  recovered bigint not null,
  failures jsonb not null,
  coverage jsonb not null,
  duration_s double precision not null,
  embedding_calls bigint not null,
  tokens bigint not null,
  cost double precision not null,
  updated_at timestamptz not null default now()
);
comment on table recon.daily_rollup is 'cases, completeness, failures (open, by type) and coverage as of the last run of the day; the others are sums';
