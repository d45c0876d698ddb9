-- begin --
-- Open the books of a sync; runs that were left open have died.
with dead as (
  update recon.sync_runs set status = 'failed', end_time = now() where status = 'running'
)
insert into recon.sync_runs (run_id, source, start_time, status)
values (%(run_id)s, %(source)s, %(now)s, 'running')

-- finish --
-- Close them.
update recon.sync_runs
set status = %(status)s, end_time = %(now)s, duration = %(duration)s, report = %(report)s
where run_id = %(run_id)s

-- last --
-- The last sync, for a look at the state of things.
select run_id, source, start_time, end_time, duration, status, report
from recon.sync_runs order by start_time desc limit 1
