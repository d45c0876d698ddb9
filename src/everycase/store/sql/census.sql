-- keep --
-- The counts as they are now; older ones are of no use.
with older as (delete from recon.census where taken_at < clock_timestamp() - interval '1 day')
insert into recon.census (run_id, figures) values (%(run_id)s, %(figures)s)

-- latest --
-- The counts as the last run left them, and how old they are.
select taken_at, figures, extract(epoch from clock_timestamp() - taken_at)::float from recon.census
order by taken_at desc limit 1

-- freshness --
-- From a change at the source to a searchable case, in seconds. Only changes that were made since this database
-- was first filled count: what is older than the database was never waiting for it.
with first as (
  select min(created_at) as filled_at from recon.data_lineage
), served as (
  select extract(epoch from l.weaviate_timestamp - l.source_timestamp)::float as seconds
  from recon.data_lineage l, first
  where l.status = 'completed' and l.weaviate_timestamp > clock_timestamp() - %(within)s::interval
    and l.source_timestamp >= first.filled_at and l.weaviate_timestamp >= l.source_timestamp
), waiting as (
  select c.id, c.case_number,
         greatest(coalesce(c.system_modstamp, c.last_modified_date, c.staged_at), first.filled_at) as since
  from first, udp.case c left join recon.data_lineage l on l.record_id = c.id
  where not c.is_deleted and (l.record_id is null or l.status <> 'completed')
), oldest as (
  select * from waiting order by since limit 1
)
select (select count(*) from served) as changes,
       (select percentile_cont(0.5) within group (order by seconds) from served) as p50_s,
       (select percentile_cont(0.95) within group (order by seconds) from served) as p95_s,
       (select max(seconds) from served) as longest_s,
       (select count(*) from waiting) as unserved,
       (select case_number from oldest) as oldest_case,
       (select extract(epoch from clock_timestamp() - since)::float from oldest) as oldest_unserved_s

-- cases --
-- Cases in the order of their ids, page by page, by what they are waiting for.
select l.record_id, l.case_number, l.status, l.current_stage, l.space, l.note, l.limited_data,
       l.total_fields_populated, l.retry_count, l.source_timestamp, l.weaviate_timestamp, l.updated_at,
       l.error_message
from recon.data_lineage l
where l.record_id > %(after)s
  and (%(status)s::text is null or l.status = %(status)s)
  and (%(stage)s::text is null or l.current_stage = %(stage)s)
  and (%(space)s::text is null or l.space = %(space)s)
  and (not %(limited)s or l.limited_data)
order by l.record_id limit %(limit)s

-- failure_page --
-- Open failures, newest first, page by page.
select failure_id, record_id, case_number, source_object, stage, error_type, error_message, disposition, retry_count,
       next_retry_time, failed_at, last_failed_at
from recon.failed_records
where not resolved
  and (%(stage)s::text is null or stage = %(stage)s)
  and (%(type)s::text is null or error_type = %(type)s)
  and (%(disposition)s::text is null or disposition = %(disposition)s)
  and (%(case)s::text is null or record_id = any (%(records)s) or case_number = %(case)s)
  and (%(failures)s::uuid[] is null or failure_id = any (%(failures)s))
  and (%(before)s::timestamptz is null or (last_failed_at, failure_id) < (%(before)s, %(before_id)s::uuid))
order by last_failed_at desc, failure_id desc limit %(limit)s

-- failure_groups --
-- Open failures that a filter shows, by stage and type; counted as in `failures.sql`, `tally`.
with shown as (
  select distinct on (record_id) stage, error_type, disposition, failed_at, last_failed_at, next_retry_time,
         coalesce((payload ->> 'rows')::bigint, 1) as stands_for
  from recon.failed_records
  where not resolved
    and (%(stage)s::text is null or stage = %(stage)s)
    and (%(type)s::text is null or error_type = %(type)s)
    and (%(disposition)s::text is null or disposition = %(disposition)s)
    and (%(case)s::text is null or record_id = any (%(records)s) or case_number = %(case)s)
  order by record_id, disposition = 'skip', stage
)
select stage, error_type, disposition, sum(stands_for)::bigint as open, sum(stands_for)::bigint as cases,
       min(failed_at) as first_seen, max(last_failed_at) as last_seen, min(next_retry_time) as next_retry_time
from shown
group by stage, error_type, disposition order by open desc, stage, error_type

-- runs --
-- Syncs and reconciliations, newest first, page by page; no more of either kind is read than a page can show.
(
  select run_id, 'sync' as kind, start_time, end_time, duration, status, null::bigint as gaps, null::bigint as recovered
  from recon.sync_runs
  where %(before)s::timestamptz is null or (start_time, run_id) < (%(before)s, %(before_id)s::uuid)
  order by start_time desc, run_id desc limit %(limit)s
) union all (
  select run_id, 'reconcile ' || run_type, start_time, end_time, duration, status, discrepancies_found, records_recovered
  from recon.reconciliation_runs
  where %(before)s::timestamptz is null or (start_time, run_id) < (%(before)s, %(before_id)s::uuid)
  order by start_time desc, run_id desc limit %(limit)s
)
order by start_time desc, run_id desc limit %(limit)s

-- run --
-- One sync or reconciliation with its report.
select 'sync' as kind, start_time, end_time, duration, status, report from recon.sync_runs where run_id = %(run_id)s
union all
select 'reconcile', start_time, end_time, duration, status, report from recon.reconciliation_runs
where run_id = %(run_id)s

-- last_ended --
-- When the last run of each kind and status ended.
select 'sync' as kind, status, max(end_time) as ended from recon.sync_runs where end_time is not null group by status
union all
select 'reconcile', status, max(end_time) from recon.reconciliation_runs where end_time is not null group by status

-- last_clean --
-- When a reconciliation last ended with no gap left.
select max(end_time) from recon.reconciliation_runs where status = 'completed'
