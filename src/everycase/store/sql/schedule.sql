-- add --
-- Jobs that are new.
insert into recon.schedule (name) select unnest(%(names)s::text[]) on conflict do nothing

-- claim --
-- The job is due (also if we were switched off: once, not as often as was missed), or it failed or died in
-- mid-run and its pause is over, or its last start has not come yet, as a clock that was ahead wrote it. Whoever
-- updates the row has the job.
update recon.schedule set last_start = clock_timestamp(), last_error = null
where name = %(name)s
  and (last_start + %(every)s <= clock_timestamp() or last_start > clock_timestamp()
    or ((last_error is not null or last_end < last_start) and last_start + %(retry)s <= clock_timestamp()))
returning name

-- finish --
-- How it ended.
update recon.schedule set last_end = clock_timestamp(), last_error = %(error)s where name = %(name)s

-- listed --
-- When each job ran last.
select name, last_start, last_end, last_error from recon.schedule order by name
