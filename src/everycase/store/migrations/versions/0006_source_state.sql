-- What a living source remembers between two processes: its jobs, places in them, descriptions.
create table recon.source_state (
  key text primary key,
  value jsonb not null,
  updated_at timestamptz not null
);

-- The version that an inventory of the source gives of a row, where it is of the source's own making.
alter table udp.case add column source_version text not null default '';
alter table udp.task add column source_version text not null default '';
alter table udp.workorder add column source_version text not null default '';
alter table udp.casecomment add column source_version text not null default '';
alter table udp.emailmessage add column source_version text not null default '';
alter table udp.workorderfeed add column source_version text not null default '';
