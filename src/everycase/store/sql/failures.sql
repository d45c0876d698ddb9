-- open_counts --
-- How often the open failures of these records have been tried, by stage.
select record_id, stage, retry_count, error_type, payload, disposition, content from recon.failed_records
where record_id = any (%(ids)s) and not resolved

-- record --
-- One open row for a case and stage: a repeat raises retry_count.
insert into recon.failed_records as f (
  record_id, case_number, source_object, stage, error_type, error_message, payload, retry_count,
  next_retry_time, disposition, content, failed_at, last_failed_at)
select b.*, %(now)s, %(now)s
from unnest(
  %(record_ids)s::text[], %(case_numbers)s::text[], %(objects)s::text[], %(stages)s::text[],
  %(types)s::text[], %(messages)s::text[], %(payloads)s::jsonb[], %(retry_counts)s::integer[],
  %(next_times)s::timestamptz[], %(dispositions)s::text[],
  %(contents)s::text[]) as b
on conflict (record_id, stage) where not resolved do update
set case_number = excluded.case_number, error_type = excluded.error_type, error_message = excluded.error_message,
    payload = excluded.payload, retry_count = excluded.retry_count, next_retry_time = excluded.next_retry_time,
    disposition = excluded.disposition, content = coalesce(excluded.content, f.content),
    last_failed_at = excluded.last_failed_at

-- supersede --
-- A case fails at one stage at a time: what ailed it at another is not what keeps it now.
update recon.failed_records f
set resolved = true, resolution_time = %(now)s, recovery_method = 'superseded'
from unnest(%(record_ids)s::text[], %(stages)s::text[]) as b (id, stage)
where f.record_id = b.id and f.stage <> b.stage and f.stage <> 'extraction' and not f.resolved
  and f.source_object = 'Case' and f.disposition <> 'skip' and f.error_type <> 'MissingChildData'

-- resolve --
-- What ails these records is over, save at the stages that still fail.
update recon.failed_records
set resolved = true, resolution_time = %(now)s, recovery_method = %(method)s
where record_id = any (%(ids)s) and not resolved and stage <> 'extraction' and source_object = 'Case'
  and error_type <> all (%(keep)s)
returning record_id

-- resolve_loaded --
-- What ailed these cases is over: by new content, or by the try that went through.
update recon.failed_records f
set resolved = true, resolution_time = %(now)s, recovery_method = case
  when b.is_changed then 'source_changed'
  when f.stage = 'join' then 'rejoined'
  when f.stage = 'pii_removal' then 'redaction_retry'
  when f.stage = 'embedding_generation' and b.is_fallback then 'fallback'
  when f.stage = 'embedding_generation' then 'embedding_retry'
  else 'load_retry' end
from unnest(%(ids)s::text[], %(changed)s::boolean[], %(fallback)s::boolean[]) as b (id, is_changed, is_fallback)
where f.record_id = b.id and not f.resolved and f.stage <> 'extraction' and f.source_object = 'Case'
  and f.error_type <> all (%(keep)s)

-- resolve_object --
-- A whole enumeration of an object shows which of its rows are still bad.
update recon.failed_records
set resolved = true, resolution_time = %(now)s, recovery_method = 'source_changed'
where source_object = %(object)s and stage = 'extraction' and not resolved and record_id <> all (%(keep)s)

-- resolve_rows --
-- These rows can be read again.
update recon.failed_records
set resolved = true, resolution_time = %(now)s, recovery_method = 'source_changed'
where source_object = %(object)s and stage = 'extraction' and not resolved and record_id = any (%(ids)s)

-- resolve_unreadable --
-- The object as a whole can be read again.
update recon.failed_records
set resolved = true, resolution_time = %(now)s, recovery_method = 'source_changed'
where record_id = %(object)s and source_object = %(object)s and stage = 'extraction' and not resolved

-- note_waiting --
-- Children whose parent has not come for long: noted, and joined all the same when it comes.
update recon.failed_records set disposition = 'skip', next_retry_time = null
where error_type = 'MissingChildData' and not resolved and disposition = 'retry' and failed_at < %(since)s

-- resolve_waiting --
-- Parents that have come, or children that wait no longer.
update recon.failed_records
set resolved = true, resolution_time = %(now)s, recovery_method = 'rejoined'
where error_type = 'MissingChildData' and not resolved and record_id <> all (%(keep)s)

-- listed --
-- The error inbox, newest trouble first.
select failure_id, record_id, case_number, source_object, stage, error_type, error_message, disposition,
       retry_count, next_retry_time, failed_at, last_failed_at, resolved, resolution_time, recovery_method, payload
from recon.failed_records
where (%(all)s or not resolved)
  and (%(stage)s::text is null or stage = %(stage)s)
  and (%(type)s::text is null or error_type = %(type)s)
  and (%(disposition)s::text is null or disposition = %(disposition)s)
  and (%(cases)s::text[] is null or record_id = any (%(cases)s) or case_number = any (%(cases)s))
order by last_failed_at desc, record_id limit %(limit)s

-- grouped --
-- Patterns: what fails, where, since when, and how long it took to mend what was mended. Open ones are counted
-- as in `tally`.
with shown as (
  select f.*, coalesce((payload ->> 'rows')::bigint, 1) as stands_for,
         row_number() over (partition by record_id, resolved order by disposition = 'skip', stage) as n
  from recon.failed_records f
  where (%(stage)s::text is null or stage = %(stage)s)
    and (%(type)s::text is null or error_type = %(type)s)
    and (%(disposition)s::text is null or disposition = %(disposition)s)
    and (%(cases)s::text[] is null or record_id = any (%(cases)s) or case_number = any (%(cases)s))
)
select stage, error_type, disposition,
       coalesce(sum(stands_for) filter (where not resolved and n = 1), 0)::bigint as open,
       count(*) filter (where resolved) as resolved,
       min(failed_at) as first_seen, max(last_failed_at) as last_seen,
       extract(epoch from avg(resolution_time - failed_at)
         filter (where resolved and recovery_method <> 'superseded'))::float as mttr_s
from shown
group by stage, error_type, disposition
having %(all)s or count(*) filter (where not resolved and n = 1) > 0
order by open desc, stage, error_type

-- rearm --
-- A person's word: try again now, whatever the clock and the count of tries say.
update recon.failed_records
set disposition = 'retry', retry_count = 0,
    next_retry_time = case when error_type <> 'MissingChildData' then %(now)s::timestamptz end
where not resolved and disposition <> 'skip'
  and (%(key)s::text is null or failure_id::text = %(key)s or record_id = any (%(records)s) or case_number = %(key)s)
  and (%(type)s::text is null or error_type = %(type)s)
  and (%(stage)s::text is null or stage = %(stage)s)
  and (%(failures)s::uuid[] is null or failure_id = any (%(failures)s))
returning failure_id, record_id, stage, source_object, error_type

-- open_among --
-- Which of these failures are still open, or have made room for another of their case.
select failure_id from recon.failed_records
where failure_id = any (%(ids)s) and (not resolved or recovery_method = 'superseded')

-- count_due --
-- How many failures' retry time has come.
select count(*) from recon.failed_records
where not resolved and disposition = 'retry' and next_retry_time <= %(now)s

-- by_type --
-- Open failures that are not merely noted, by type; counted as in `tally`.
select f.error_type, sum(coalesce((f.payload ->> 'rows')::bigint, 1))::bigint as cases
from recon.failed_records f
where not f.resolved and f.disposition <> 'skip' and not exists (
  select from recon.failed_records o
  where o.record_id = f.record_id and not o.resolved
    and (o.disposition = 'skip', o.stage) < (f.disposition = 'skip', f.stage))
group by f.error_type order by cases desc, f.error_type

-- unread_tables --
-- Objects that could not be read, or not to their end: the failure is of the object itself, not of a row.
select source_object from recon.failed_records
where not resolved and stage = 'extraction' and record_id = source_object
order by source_object

-- prune --
-- Resolved failures are kept for so long; open ones stay.
delete from recon.failed_records where resolved and resolution_time < %(before)s

-- tally --
-- Open failures by what is to be done about them, counted as cases: a case that fails at two stages is one, and
-- a failure that stands for many rows is as many.
select disposition, sum(stands_for)::bigint
from (
  select distinct on (record_id) disposition, coalesce((payload ->> 'rows')::bigint, 1) as stands_for
  from recon.failed_records where not resolved
  order by record_id, disposition = 'skip', stage
) f
group by disposition

-- tally_new --
-- The same of those alone that were opened since the last sync began, and that wait for a retry or a person.
select coalesce(sum(coalesce((f.payload ->> 'rows')::bigint, 1)), 0)::bigint
from recon.failed_records f
where not f.resolved and f.disposition <> 'skip'
  and f.failed_at >= coalesce((select max(start_time) from recon.sync_runs), '-infinity')
  and not exists (
    select from recon.failed_records o
    where o.record_id = f.record_id and not o.resolved
      and (o.disposition = 'skip', o.stage) < (f.disposition = 'skip', f.stage))

-- refused --
-- Cases that could not be read at the source.
select coalesce(sum(coalesce((payload ->> 'rows')::bigint, 1)), 0)::bigint from recon.failed_records
where source_object = 'Case' and stage = 'extraction' and error_type = 'MalformedRecord' and not resolved
