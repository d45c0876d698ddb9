-- add --
-- Jobs that are new.
insert into recon.schedule (name) select unnest(%(names)s::text[]) on conflict do nothing

-- claim --
-- The job is due (also if we were switched off: once, not as often as was missed), or it failed or died in
-- mid-run and its pause is over, or its last start has not come yet, as a clock that was ahead wrote it. Whoever
-- updates the row has the job. With a lead it starts so much earlier, and by as long as it took last time, that
-- what it brings is there when the period is over; a lead of null: from start to start.
update recon.schedule set last_start = clock_timestamp(), last_error = null
where name = %(name)s
  and (last_start + %(every)s
       - case when %(lead)s::interval is null then '0'::interval
              else least(%(lead)s::interval + greatest(last_end - last_start, '0'), %(every)s / 2) end
       <= clock_timestamp() or last_start > clock_timestamp()
    or ((last_error is not null or last_end < last_start) and last_start + %(retry)s <= clock_timestamp()))
returning name

-- next_due --
-- Seconds until the first of the jobs that are not due yet will be.
select extract(epoch from min(due.at) - clock_timestamp())::float
from (
  select s.last_start + j.every
    - case when j.lead is null then '0'::interval
           else least(j.lead + greatest(s.last_end - s.last_start, '0'), j.every / 2) end as at
  from recon.schedule s
  join unnest(%(names)s::text[], %(every)s::interval[], %(lead)s::interval[]) as j (name, every, lead) using (name)
) due
where due.at > clock_timestamp()

-- finish --
-- How it ended.
update recon.schedule set last_end = clock_timestamp(), last_error = %(error)s where name = %(name)s

-- listed --
-- When each job ran last.
select name, last_start, last_end, last_error from recon.schedule order by name
