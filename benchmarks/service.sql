-- cases --
-- Staging, lineage, journeys and joins of what the index holds, as a sync would have left them.
insert into udp.case (id, case_number, subject, description, status, created_date, row_hash, generation, system_modstamp)
select case_id, case_number, subject, composite, status, now() - interval '200 days', checksum, generation,
       now() - interval '1 day'
from vector_index.support_case where case_number >= '50000000';
insert into recon.data_lineage (record_id, case_number, source_system, current_stage, status, source_timestamp,
  staging_timestamp, transformed_timestamp, embedded_timestamp, weaviate_timestamp, checksum, children_checksum,
  row_hash, text_hash, space, recipe, tried_recipe, object_id, object_hash, vector_hash, generation,
  total_fields_populated, limited_data, has_comments, comment_count, index_state, created_at)
select case_id, case_number, 'benchmark', 'weaviate_loaded', 'completed', now() - interval '1 day', now(), now(), now(),
  now(), checksum, children_checksum, checksum, text_hash, space, recipe, recipe, id, object_hash, vector_hash,
  generation, 20, false, true, 3, 'loaded', now() - interval '200 days'
from vector_index.support_case where case_number >= '50000000';
insert into recon.lineage_events (record_id, run_id, stage, event, at)
select case_id, gen_random_uuid(), e.stage, e.event, now()
from vector_index.support_case, (values ('extracted', 'entered'), ('extracted', 'exited'), ('pii_removed', 'entered'),
  ('pii_removed', 'exited'), ('embedding_generated', 'entered'), ('embedding_generated', 'exited'),
  ('weaviate_loaded', 'entered'), ('weaviate_loaded', 'exited')) as e (stage, event)
where case_number >= '50000000';
insert into recon.multi_table_join_stats (join_id, case_id, case_number, case_found, tasks_joined, workorders_joined,
  comments_joined, emails_joined, workorder_feeds_joined, composite_text_length, was_truncated, fields_populated)
select gen_random_uuid(), case_id, case_number, true, 0, 0, 3, 0, 0, length(composite), false, 20
from vector_index.support_case where case_number >= '50000000'

-- failures --
-- Every fiftieth case has failed in a later try, in one of three ways; its old text is still served.
with bad as (
  update recon.data_lineage set status = 'failed', error_message = 'the benchmark says so'
  where substr(record_id, 4, 12)::bigint % 50 = 7 and source_system = 'benchmark' returning record_id, case_number
)
insert into recon.failed_records (failure_id, record_id, case_number, source_object, stage, error_type, error_message,
  disposition, next_retry_time, failed_at, last_failed_at)
select gen_random_uuid(), record_id, case_number, 'Case', k.stage, k.error_type, 'the benchmark says so', k.disposition,
  case when k.disposition = 'retry' then now() + interval '1 day' end, now(), now() - random() * interval '3 days'
from bad join (values (0, 'embedding_generation', 'EmbeddingTimeout', 'retry'), (1, 'join', 'MissingRequiredField',
  'manual_review'), (2, 'weaviate_load', 'WeaviateRejected', 'manual_review')) as k (n, stage, error_type, disposition)
  on k.n = substr(record_id, 4, 12)::bigint % 3

-- runs --
-- A month of hourly syncs and a reconciliation every six hours.
insert into recon.sync_runs (run_id, source, start_time, end_time, duration, status, report)
select gen_random_uuid(), 'benchmark', now() - n * interval '1 hour', now() - n * interval '1 hour', 12, 'completed', '{}'
from generate_series(1, 720) n;
insert into recon.reconciliation_runs (run_id, run_type, start_time, end_time, duration, status, report)
select gen_random_uuid(), 'hourly', now() - n * interval '6 hours', now() - n * interval '6 hours', 12, 'completed', '{}'
from generate_series(1, 120) n

-- read --
-- Staging is what was read: no sync sweeps the source.
update recon.watermarks set row_count = c.n, digest = c.digest
from (select count(*) as n, coalesce(sum(hashtextextended(id || row_hash, 0)), 0) as digest from udp.case) c
where object = 'Case'

-- work --
-- So many cases have changed: what the sync that runs beside the requests has to do.
update recon.data_lineage set row_hash = 'older', generation = generation - 1
where record_id in (
  select record_id from recon.data_lineage where source_system = 'benchmark' and status = 'completed'
  order by record_id desc limit %(cases)s)
