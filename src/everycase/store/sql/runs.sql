-- begin --
-- Open the books of a sync; runs that were left open have died.
with dead as (
  update recon.sync_runs set status = 'interrupted', end_time = now() where status = 'running' and not exists (
    select from pg_locks k, (select hashtextextended('everycase.run ' || run_id, 0) as key) n
    where k.locktype = 'advisory' and k.granted and k.objsubid = 1
      and k.database = (select oid from pg_database where datname = current_database())
      and k.classid::bigint = (n.key >> 32) & 4294967295 and k.objid::bigint = n.key & 4294967295)
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

-- unfinished --
-- The last sync and the last reconciliation, where they did not come to their end, or are at work.
select kind, run_id, start_time, status, error
from (
  (select 'sync' as kind, run_id, start_time, status, report ->> 'error' as error
   from recon.sync_runs order by start_time desc limit 1)
  union all
  (select 'reconciliation', run_id, start_time, status, report ->> 'error'
   from recon.reconciliation_runs order by start_time desc limit 1)
) latest
where status in ('failed', 'interrupted', 'running')

-- withheld --
-- Deletions that wait for a person's approval, as left by the last run that read the source: of each object by a
-- sync, of each kind of gap by a reconciliation. An hourly reconciliation does not read the source.
with latest as (
  select 'sync' as kind, start_time, report from recon.sync_runs where report -> 'rows' <> '{}'
  union all
  select 'reconcile', start_time, report from recon.reconciliation_runs
  where run_type <> 'hourly' and jsonb_typeof(report -> 'gaps') = 'object'
  order by start_time desc limit 1
)
select o.key, (o.value ->> 'withheld')::bigint
from latest, jsonb_each(report -> 'rows') o where kind = 'sync' and (o.value ->> 'withheld')::bigint > 0
union all
select g.key, g.value::bigint from latest, jsonb_each_text(report -> 'withheld') g
where kind = 'reconcile' and g.value::bigint > 0

-- begin_reconciliation --
-- Open the books of a reconciliation; runs that were left open have died.
with dead as (
  update recon.reconciliation_runs set status = 'interrupted', end_time = now() where status = 'running' and not exists (
    select from pg_locks k, (select hashtextextended('everycase.run ' || run_id, 0) as key) n
    where k.locktype = 'advisory' and k.granted and k.objsubid = 1
      and k.database = (select oid from pg_database where datname = current_database())
      and k.classid::bigint = (n.key >> 32) & 4294967295 and k.objid::bigint = n.key & 4294967295)
)
insert into recon.reconciliation_runs (run_id, run_type, start_time, status)
values (%(run_id)s, %(run_type)s, %(now)s, 'running')

-- finish_reconciliation --
-- Close them, at whatever end.
update recon.reconciliation_runs
set status = %(status)s, end_time = %(now)s, duration = %(duration)s,
    source_count = %(source)s, staging_count = %(staging)s, lineage_count = %(lineage)s,
    transformed_count = %(pii_removed)s, embedded_count = %(embedding_generated)s, weaviate_count = %(index)s,
    discrepancies_found = %(discrepancies)s, records_recovered = %(recovered)s,
    recovery_success_rate = %(success_rate)s, error_breakdown = %(errors)s,
    avg_processing_time_per_case = %(per_case)s, slowest_stage = %(slowest)s, report = %(report)s
where run_id = %(run_id)s

-- last_look --
-- When everything was last held against the index, and all that it should find was found.
select max(start_time) from recon.reconciliation_runs
where run_type <> 'hourly' and status in ('completed', 'incomplete') and start_time <= clock_timestamp()
  and not coalesce(report -> 'gaps_left' ? 'unsearchable', false) and report ->> 'shard' is null

-- reconciliations --
-- The runs, newest first.
select run_id, run_type, start_time, duration, status, source_count, staging_count, weaviate_count,
       discrepancies_found, records_recovered, recovery_success_rate, slowest_stage
from recon.reconciliation_runs order by start_time desc limit %(limit)s

-- reconciliation --
-- Runs by the beginning of their id, or the last one that has a report.
select run_id, report from recon.reconciliation_runs
where case when %(key)s::text is null then report is not null else run_id::text like %(key)s || '%%' end
order by start_time desc limit 2

-- roll_up --
-- What stays of a run when it is gone.
insert into recon.daily_rollup as d (
  day, runs, cases, completeness, gaps, recovered, failures, coverage, duration_s, embedding_calls, tokens, cost)
values (%(day)s, 1, %(cases)s, %(completeness)s, %(gaps)s, %(recovered)s, %(failures)s, %(coverage)s,
        %(duration)s, %(calls)s, %(tokens)s, %(cost)s)
on conflict (day) do update
set runs = d.runs + 1, cases = excluded.cases, completeness = excluded.completeness,
    gaps = d.gaps + excluded.gaps, recovered = d.recovered + excluded.recovered, failures = excluded.failures,
    coverage = excluded.coverage, duration_s = d.duration_s + excluded.duration_s,
    embedding_calls = d.embedding_calls + excluded.embedding_calls, tokens = d.tokens + excluded.tokens,
    cost = d.cost + excluded.cost, updated_at = now()

-- roll_up_spending --
-- What a sync, or a reconciliation that did not come to its end, spent belongs to its day, too.
insert into recon.daily_rollup as d (
  day, runs, cases, completeness, gaps, recovered, failures, coverage, duration_s, embedding_calls, tokens, cost)
values (%(day)s, 0, %(cases)s, %(completeness)s, 0, 0, '{}', '{}', 0, %(calls)s, %(tokens)s, %(cost)s)
on conflict (day) do update
set embedding_calls = d.embedding_calls + excluded.embedding_calls, tokens = d.tokens + excluded.tokens,
    cost = d.cost + excluded.cost, updated_at = now()

-- trends --
-- The days, oldest first.
select day, runs, cases, completeness, gaps, recovered, failures, coverage, duration_s, embedding_calls, tokens, cost
from (select * from recon.daily_rollup order by day desc limit %(days)s) d order by day

-- prune_reconciliations --
-- Runs are kept for so long; their days stay in the roll-up.
delete from recon.reconciliation_runs where start_time < %(before)s and status <> 'running'

-- prune_syncs --
-- The last one stays, for a look at the state of things.
delete from recon.sync_runs
where start_time < %(before)s and status <> 'running'
  and run_id <> (select run_id from recon.sync_runs order by start_time desc limit 1)
