-- Staging: six tables, one row a source record (contract §3).
create schema if not exists udp;

-- Rises with every change of a case or of a child of it. The join reads it, every later write carries it:
-- what was made of older rows never overwrites what was made of newer ones.
create sequence udp.generation;

create table udp.case (
  id text primary key,
  case_number text,
  parent_id text,
  subject text,
  description text,
  issue_plain_text text,
  cause_plain_text text,
  gsd_environment_plain_text text,
  error_codes text,
  issue_type text,
  close_comments text,
  product_number text,
  product_line text,
  case_resolution_summary text,
  resolution text,
  resolution_plain_text text,
  resolution_code text,
  root_cause text,
  product_series text,
  product_hierarchy text,
  status text,
  priority text,
  closed_date timestamptz,
  created_date timestamptz,
  last_modified_date timestamptz,
  system_modstamp timestamptz,
  is_deleted boolean not null default false,
  identity jsonb not null default '{}',
  row_hash text not null,
  staged_at timestamptz not null default now(),
  generation bigint not null default nextval('udp.generation')
);
create index on udp.case (case_number);

create table udp.task (
  id text primary key,
  parent_id text,
  subject text,
  description text,
  type text,
  status text,
  ordered_by timestamptz,
  created_date timestamptz,
  last_modified_date timestamptz,
  system_modstamp timestamptz,
  is_deleted boolean not null default false,
  identity jsonb not null default '{}',
  row_hash text not null,
  staged_at timestamptz not null default now()
);
create index on udp.task (parent_id);

create table udp.workorder (
  id text primary key,
  parent_id text,
  problem_description text,
  onsite_action text,
  closing_summary text,
  work_order_number text,
  status text,
  ordered_by timestamptz,
  created_date timestamptz,
  last_modified_date timestamptz,
  system_modstamp timestamptz,
  is_deleted boolean not null default false,
  identity jsonb not null default '{}',
  row_hash text not null,
  staged_at timestamptz not null default now()
);
create index on udp.workorder (parent_id);

create table udp.casecomment (
  id text primary key,
  parent_id text,
  comment_body text,
  created_by_id text,
  is_published boolean,
  ordered_by timestamptz,
  created_date timestamptz,
  last_modified_date timestamptz,
  system_modstamp timestamptz,
  is_deleted boolean not null default false,
  identity jsonb not null default '{}',
  row_hash text not null,
  staged_at timestamptz not null default now()
);
create index on udp.casecomment (parent_id);

create table udp.emailmessage (
  id text primary key,
  parent_id text,
  subject text,
  text_body text,
  message_date timestamptz,
  incoming boolean,
  ordered_by timestamptz,
  created_date timestamptz,
  last_modified_date timestamptz,
  system_modstamp timestamptz,
  is_deleted boolean not null default false,
  identity jsonb not null default '{}',
  row_hash text not null,
  staged_at timestamptz not null default now()
);
create index on udp.emailmessage (parent_id);

create table udp.workorderfeed (
  id text primary key,
  parent_id text,
  title text,
  body text,
  type text,
  ordered_by timestamptz,
  created_date timestamptz,
  last_modified_date timestamptz,
  system_modstamp timestamptz,
  is_deleted boolean not null default false,
  identity jsonb not null default '{}',
  row_hash text not null,
  staged_at timestamptz not null default now()
);
create index on udp.workorderfeed (parent_id);

comment on column udp.case.identity is 'Names of people, companies and places: serves redaction alone, is never embedded or indexed';

-- Tracking (contract §9).
create schema if not exists recon;

create table recon.data_lineage (
  record_id text primary key,
  case_number text,
  source_system text not null,
  current_stage text not null check (current_stage in ('extracted', 'pii_removed', 'embedding_generated', 'weaviate_loaded')),
  status text not null check (status in ('in_progress', 'completed', 'failed', 'deleted')),
  source_timestamp timestamptz,
  staging_timestamp timestamptz,
  transformed_timestamp timestamptz,
  embedded_timestamp timestamptz,
  weaviate_timestamp timestamptz,
  has_tasks boolean not null default false,
  task_count integer not null default 0,
  has_workorders boolean not null default false,
  workorder_count integer not null default 0,
  has_comments boolean not null default false,
  comment_count integer not null default 0,
  has_emails boolean not null default false,
  email_count integer not null default 0,
  has_feeds boolean not null default false,
  feed_count integer not null default 0,
  total_fields_populated integer,
  issue_fields_populated integer,
  resolution_fields_populated integer,
  checksum text,
  children_checksum text,
  row_hash text,
  text_hash text,
  space text,
  recipe text,
  tried_recipe text,
  object_id uuid,
  object_hash text,
  vector_hash text,
  generation bigint not null default 0,
  limited_data boolean not null default false,
  note text,
  recovery_count integer not null default 0,
  retry_count integer not null default 0,
  error_message text,
  run_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
) with (fillfactor = 70);
create index on recon.data_lineage (case_number);
create index on recon.data_lineage (object_id);
create index data_lineage_unfinished on recon.data_lineage (record_id) where status in ('in_progress', 'failed');

create table recon.lineage_events (
  event_id bigint generated always as identity primary key,
  record_id text not null,
  run_id uuid,
  stage text not null,
  event text not null check (event in ('entered', 'exited', 'failed', 'deleted')),
  at timestamptz not null,
  detail text
);
create index on recon.lineage_events (record_id, event_id);

create table recon.multi_table_join_stats (
  join_id uuid primary key default gen_random_uuid(),
  case_id text not null,
  case_number text,
  case_found boolean not null,
  tasks_joined integer not null,
  workorders_joined integer not null,
  comments_joined integer not null,
  emails_joined integer not null,
  workorder_feeds_joined integer not null,
  composite_text_length integer,
  was_truncated boolean,
  fields_populated integer,
  execution_timestamp timestamptz not null default now()
);
create index on recon.multi_table_join_stats (case_id, execution_timestamp desc);

create table recon.failed_records (
  failure_id uuid primary key default gen_random_uuid(),
  record_id text not null,
  case_number text,
  source_object text not null default 'Case',
  stage text not null check (stage in ('extraction', 'join', 'pii_removal', 'embedding_generation', 'weaviate_load')),
  error_type text not null,
  error_message text not null,
  payload jsonb not null default '{}',
  retry_count integer not null default 0,
  next_retry_time timestamptz,
  disposition text not null check (disposition in ('retry', 'skip', 'manual_review')),
  failed_at timestamptz not null default now(),
  last_failed_at timestamptz not null default now(),
  resolved boolean not null default false,
  resolution_time timestamptz,
  recovery_method text
);
-- One open row for a case and stage: a repeat raises retry_count.
create unique index failed_records_open on recon.failed_records (record_id, stage) where not resolved;
create index on recon.failed_records (record_id);

create table recon.reconciliation_runs (
  run_id uuid primary key,
  run_type text not null check (run_type in ('hourly', 'daily', 'manual')),
  start_time timestamptz not null,
  end_time timestamptz,
  duration double precision,
  status text not null,
  source_count bigint,
  staging_count bigint,
  lineage_count bigint,
  transformed_count bigint,
  embedded_count bigint,
  weaviate_count bigint,
  discrepancies_found bigint,
  records_recovered bigint,
  recovery_success_rate double precision,
  error_breakdown jsonb,
  avg_processing_time_per_case double precision,
  slowest_stage text,
  report jsonb
);

create table recon.sync_runs (
  run_id uuid primary key,
  source text not null,
  start_time timestamptz not null,
  end_time timestamptz,
  duration double precision,
  status text not null check (status in ('running', 'completed', 'failed')),
  report jsonb
);
create index on recon.sync_runs (start_time desc);

-- How far each object of a source has been read.
create table recon.watermarks (
  source text not null,
  object text not null,
  version text not null,
  row_count bigint not null,
  read_at timestamptz not null,
  primary key (source, object)
);

-- Vectors by text and space, at half precision: a lost index is refilled without one call.
create table recon.embedding_cache (
  text_hash text not null,
  space text not null,
  vector bytea not null,
  created_at timestamptz not null default now(),
  primary key (text_hash, space)
);
alter table recon.embedding_cache alter column vector set storage external;

-- What a run decides about every live case (contract section 5). One place, asked by plan and by sync.
--   create: never loaded · update: changed, made by another recipe, left unfinished, or due for another try
--   waiting: failed, and not due yet or waiting for a person · unchanged: as it was loaded
create function recon.decisions(in_recipe text, in_now timestamptz)
returns table (id text, case_number text, source_timestamp timestamptz, staged_at timestamptz, decision text)
language sql stable as $$
  select c.id, c.case_number, coalesce(c.system_modstamp, c.last_modified_date), c.staged_at,
    case
      when l.record_id is null or l.status in ('deleted', 'in_progress') or c.generation > l.generation
        or l.tried_recipe is distinct from in_recipe
        or (l.status = 'failed' and exists (
          select from recon.failed_records f
          where f.record_id = c.id and not f.resolved and f.disposition = 'retry'
            and f.next_retry_time <= in_now))
      then case when l.weaviate_timestamp is null then 'create' else 'update' end
      when l.status = 'failed' then 'waiting'
      else 'unchanged'
    end
  from udp.case c left join recon.data_lineage l on l.record_id = c.id
  where not c.is_deleted
$$;
