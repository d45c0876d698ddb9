-- One shell for every run (contract section 12), and alerts told channel by channel (section 13).

alter table recon.sync_runs drop constraint sync_runs_status_check;
alter table recon.sync_runs add constraint sync_runs_status_check
  check (status in ('running', 'completed', 'failed', 'stopped', 'deferred', 'interrupted'));
comment on column recon.sync_runs.status is
  'running is true only while the lock of the pipeline is held; else the run was interrupted';

-- A channel that takes a message does not count for the others.
alter table recon.alert_state add column channel text not null default 'every channel';
alter table recon.alert_state alter column channel drop default;
alter table recon.alert_state drop constraint alert_state_pkey;
alter table recon.alert_state add primary key (channel, rule);
comment on column recon.alert_state.channel is
  'a digest of the channel''s URL, which may hold a secret; empty where there is no channel';
