-- The HTTP service (contract section 17): who may use it, what was ordered by whom, and how far a run is.

-- Access tokens. Only their SHA-256 is kept: a token is shown once, when it is made.
create table recon.access_tokens (
  token_id uuid primary key default gen_random_uuid(),
  name text not null,
  role text not null check (role in ('viewer', 'operator')),
  token_hash bytea not null unique,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);
create unique index access_tokens_name on recon.access_tokens (name) where revoked_at is null;

-- Browser sessions, by the SHA-256 of the cookie. A session of a token ends with its token.
create table recon.web_sessions (
  session_hash bytea primary key,
  token_id uuid references recon.access_tokens on delete cascade,
  subject text not null,
  role text not null check (role in ('viewer', 'operator')),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index on recon.web_sessions (expires_at);

-- Refused sign-ins, so that guessing is slowed down by all replicas together. `source` is a hash of the address.
create table recon.refused_sign_ins (
  source text not null,
  at timestamptz not null default now()
);
create index on recon.refused_sign_ins (source, at);

-- Orders: what a person or program asked to be done. A row is claimed under an advisory lock, so that replicas
-- neither lose nor double one, and an order whose process died is taken up again.
create table recon.orders (
  order_id uuid primary key,
  kind text not null check (kind in ('sync', 'reconcile', 'retry', 'skip', 'prune', 'resume')),
  parameters jsonb not null default '{}',
  ordered_by text not null,
  ordered_at timestamptz not null default clock_timestamp(),
  idempotency_key text,
  state text not null check (state in ('proposed', 'queued', 'running', 'done', 'failed', 'cancelled')),
  attempts integer not null default 0,
  run_id uuid,
  started_at timestamptz,
  ended_at timestamptz,
  message text,
  result jsonb
);
create unique index orders_idempotency on recon.orders (ordered_by, idempotency_key) where idempotency_key is not null;
create index orders_open on recon.orders (ordered_at) where state in ('queued', 'running');
create index on recon.orders (ordered_at desc);

-- The failures that an order is about: those that the filter showed when it was given, and no others.
create table recon.order_failures (
  order_id uuid not null references recon.orders on delete cascade,
  failure_id uuid not null,
  primary key (order_id, failure_id)
);

-- How far a run is: one row that its workers' results update, at most once a second.
create table recon.run_progress (
  run_id uuid primary key,
  kind text not null,
  phase text not null,
  done bigint not null default 0,
  total bigint,
  failed bigint not null default 0,
  started_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  cancel_requested_at timestamptz,
  cancel_requested_by text
);
create index on recon.run_progress (started_at desc);

-- Who did what, and when.
create table recon.audit (
  audit_id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  who text not null,
  role text not null,
  action text not null,
  details jsonb not null default '{}'
);
create index on recon.audit (at desc);

-- The counts as a run left them, so that a page costs no scan.
create table recon.census (
  taken_at timestamptz primary key default clock_timestamp(),
  run_id uuid,
  figures jsonb not null
);

-- Freshness: source change to searchable, of what was loaded lately; and the inbox, page by page.
create index data_lineage_loaded on recon.data_lineage (weaviate_timestamp) where weaviate_timestamp is not null;
create index failed_records_inbox on recon.failed_records (last_failed_at desc, failure_id desc) where not resolved;
