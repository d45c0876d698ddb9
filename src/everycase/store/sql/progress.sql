-- begin --
-- A run has begun.
insert into recon.run_progress (run_id, kind, phase) values (%(run_id)s, %(kind)s, %(phase)s)
on conflict (run_id) do update set phase = excluded.phase, ended_at = null, updated_at = clock_timestamp()

-- report --
-- How far it is, and whether somebody wants it to end.
update recon.run_progress
set phase = %(phase)s, done = %(done)s, total = %(total)s, failed = %(failed)s, updated_at = clock_timestamp()
where run_id = %(run_id)s
returning cancel_requested_at is not null

-- end --
-- The run is over.
update recon.run_progress set ended_at = clock_timestamp(), updated_at = clock_timestamp() where run_id = %(run_id)s

-- cancel --
-- Ask a run to end at its next batch.
update recon.run_progress
set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
    cancel_requested_by = coalesce(cancel_requested_by, %(by)s)
where run_id = %(run_id)s and ended_at is null returning run_id

-- one --
-- How far one run is.
select run_id, kind, phase, done, total, failed, started_at, updated_at, ended_at,
       cancel_requested_at is not null as is_cancelling,
       case when total = 0 then 1 when total > 0 then least(done::float / total, 1) end as share
from recon.run_progress where run_id = %(run_id)s

-- live --
-- The runs that are at work, newest first; one that has said nothing for long has died.
select run_id, kind, phase, done, total, failed, started_at, updated_at, ended_at,
       cancel_requested_at is not null as is_cancelling,
       case when total = 0 then 1 when total > 0 then least(done::float / total, 1) end as share
from recon.run_progress
where ended_at is null and updated_at > clock_timestamp() - %(silent_for)s::interval
order by started_at desc
