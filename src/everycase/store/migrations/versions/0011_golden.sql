-- A user's own searches, and the cases that they must find.
create table recon.golden_queries (
  query text not null,
  case_number text not null,
  added_at timestamptz not null default now(),
  primary key (query, case_number)
);
