-- track --
-- Every case that has to be looked at (again) enters the pipeline. What it waits for is its newest change, or a child's.
-- While it has an object, its number is the one that the object was loaded with.
with due as materialized (
  select d.id, d.case_number, d.staged_at, greatest(
    d.source_timestamp,
    (select max(t.system_modstamp) from udp.task t where t.parent_id = d.id),
    (select max(o.system_modstamp) from udp.workorder o where o.parent_id = d.id),
    (select max(m.system_modstamp) from udp.casecomment m where m.parent_id = d.id),
    (select max(e.system_modstamp) from udp.emailmessage e where e.parent_id = d.id),
    (select max(f.system_modstamp) from udp.workorderfeed f
     join udp.workorder o on o.id = f.parent_id where o.parent_id = d.id)) as source_timestamp,
    case when l.record_id is null or (l.weaviate_timestamp is null and l.status <> 'failed') then 'new'
         when l.status = 'deleted' then 'there again'
         when l.status = 'in_progress' then 'resumed'
         when c.row_hash is distinct from l.row_hash and l.row_hash is not null then 'changed: fields of the case'
         when c.generation > l.generation and l.status = 'failed' then 'changed since it failed'
         when c.generation > l.generation then 'changed: children, or a case of the same number'
         when l.tried_recipe is distinct from %(recipe)s then 'new rules (recipe)'
         else 'tried again' end as reason
  from recon.decisions(%(recipe)s, %(now)s) d
  join udp.case c on c.id = d.id
  left join recon.data_lineage l on l.record_id = d.id
  where d.decision in ('create', 'update') and (%(only)s::text[] is null or d.id = any (%(only)s))
    and (%(shards)s::int is null
      or mod(hashtextextended(d.id, 0) & 9223372036854775807, %(shards)s::int) = %(shard)s::int)
), entered as (
  insert into recon.data_lineage as l (
    record_id, case_number, source_system, current_stage, status, source_timestamp, staging_timestamp, run_id)
  select id, case_number, %(source)s, 'extracted', 'in_progress', source_timestamp, staged_at, %(run_id)s from due
  on conflict (record_id) do update
  set case_number = case when l.object_id is null then excluded.case_number else l.case_number end,
      source_system = excluded.source_system,
      current_stage = 'extracted', status = 'in_progress', source_timestamp = excluded.source_timestamp,
      staging_timestamp = excluded.staging_timestamp, run_id = excluded.run_id, updated_at = now()
), events as (
  insert into recon.lineage_events (record_id, run_id, stage, event, at, detail)
  select id, %(run_id)s, 'extracted', e.event, case e.event when 'entered' then staged_at else %(now)s end,
         case e.event when 'entered' then reason end
  from due, unnest(array['entered', 'exited']) with ordinality as e (event, n)
  order by id, n
)
select count(*) from due

-- overtake --
-- The index refuses these as older, and yet nothing newer is staged: the numbers are of another life of this
-- database. They get numbers above all that the index has shown.
with lifted as materialized (
  select setval('udp.generation', greatest(%(highest)s, (select last_value from udp.generation))) as above
)
update udp.case c set generation = nextval('udp.generation')
from unnest(%(ids)s::text[], %(generations)s::bigint[]) as b (id, generation), lifted
where c.id = b.id and c.generation = b.generation and lifted.above > 0
returning c.id, c.generation

-- page --
-- The next case ids of a run, in the order of the ids.
select record_id from recon.data_lineage
where run_id = %(run_id)s and status = 'in_progress' and record_id > %(after)s
order by record_id limit %(limit)s

-- known --
-- What is known of a batch's cases: the fingerprints of what was loaded.
select record_id, checksum, children_checksum, row_hash, recipe, space, object_id, index_state, generation,
       retry_count
from recon.data_lineage where record_id = any (%(ids)s)

-- advance --
-- A batch has passed a stage.
update recon.data_lineage l
set current_stage = %(stage)s, updated_at = %(at)s, error_message = null,
    transformed_timestamp = case when %(stage)s = 'pii_removed' then %(at)s else l.transformed_timestamp end,
    embedded_timestamp = case when %(stage)s = 'embedding_generated' then %(at)s else l.embedded_timestamp end
from unnest(%(ids)s::text[], %(generations)s::bigint[]) as b (id, generation)
where l.record_id = b.id and l.generation <= b.generation

-- numbers --
-- Case numbers, as they are staged.
select id, case_number from udp.case where id = any (%(ids)s) and case_number is not null

-- joined --
-- What the join found, case by case.
update recon.data_lineage l
set has_tasks = b.tasks > 0, task_count = b.tasks,
    has_workorders = b.workorders > 0, workorder_count = b.workorders,
    has_comments = b.comments > 0, comment_count = b.comments,
    has_emails = b.emails > 0, email_count = b.emails,
    has_feeds = b.feeds > 0, feed_count = b.feeds,
    total_fields_populated = b.total, issue_fields_populated = b.issue,
    resolution_fields_populated = b.resolution,
    limited_data = b.limited or coalesce(l.note like '%%limited data', false)
from unnest(
  %(ids)s::text[], %(generations)s::bigint[], %(tasks)s::integer[], %(workorders)s::integer[],
  %(comments)s::integer[], %(emails)s::integer[], %(feeds)s::integer[], %(total)s::integer[],
  %(issue)s::integer[], %(resolution)s::integer[], %(limited)s::boolean[])
  as b (id, generation, tasks, workorders, comments, emails, feeds, total, issue, resolution, limited)
where l.record_id = b.id and l.generation <= b.generation

-- fence --
-- Which of a batch's cases may still be written: locked until the write is recorded, so that whoever has
-- newer content waits, and whoever has older content finds out.
select l.record_id from recon.data_lineage l
join unnest(%(ids)s::text[], %(generations)s::bigint[]) as b (id, generation) on b.id = l.record_id
where l.generation <= b.generation and l.status <> 'deleted'
order by l.record_id
for update of l

-- loaded --
-- The case is in the index, as these stamps say.
update recon.data_lineage l
set current_stage = 'weaviate_loaded', status = 'completed', index_state = 'loaded',
    weaviate_timestamp = %(at)s, updated_at = %(at)s,
    checksum = b.checksum, children_checksum = b.children_checksum, row_hash = b.row_hash,
    text_hash = b.text_hash, space = b.space, recipe = %(recipe)s, tried_recipe = %(recipe)s,
    case_number = b.case_number, object_id = b.object_id, object_hash = b.object_hash, vector_hash = b.vector_hash,
    generation = b.generation, error_message = null, retry_count = 0,
    note = nullif(concat_ws('; ', b.note, case
      when l.note like '%%limited data' and l.row_hash = b.row_hash and l.children_checksum = b.children_checksum
      then 'complete with limited data' end), ''),
    recovery_count = l.recovery_count
      + (l.retry_count > 0 or l.index_state = 'doubtful')::integer
from unnest(
  %(ids)s::text[], %(generations)s::bigint[], %(checksums)s::text[], %(children_checksums)s::text[],
  %(row_hashes)s::text[], %(text_hashes)s::text[], %(spaces)s::text[], %(case_numbers)s::text[],
  %(object_ids)s::uuid[], %(object_hashes)s::text[], %(vector_hashes)s::text[], %(notes)s::text[])
  as b (id, generation, checksum, children_checksum, row_hash, text_hash, space, case_number, object_id,
        object_hash, vector_hash, note)
where l.record_id = b.id

-- disown --
-- An object has one case: whoever had its number before has no object any more.
update recon.data_lineage l
set index_state = 'removed', object_id = null
from unnest(%(ids)s::text[], %(object_ids)s::uuid[]) as b (id, object_id)
where l.object_id = b.object_id and l.record_id <> b.id

-- unowned --
-- Objects that no live case has as its own.
select b.id from unnest(%(ids)s::uuid[]) as b (id)
where not exists (
  select from recon.data_lineage l
  where l.object_id = b.id and l.status <> 'deleted' and l.index_state in ('loaded', 'doubtful'))

-- unchanged --
-- Looked at again and found as it was loaded.
update recon.data_lineage l
set current_stage = 'weaviate_loaded', status = 'completed', updated_at = %(at)s, generation = b.generation,
    tried_recipe = l.recipe, error_message = null
from unnest(%(ids)s::text[], %(generations)s::bigint[]) as b (id, generation)
where l.record_id = b.id and l.generation <= b.generation

-- failed --
-- The case could not pass; its failure row says why. What is in the index of it stays there, save where it may
-- hold personal data; where nobody knows what it is (a time-out while writing), it is not trusted any more.
update recon.data_lineage l
set status = 'failed', current_stage = b.stage, error_message = b.message, updated_at = %(at)s,
    object_id = coalesce(b.doubtful, l.object_id),
    index_state = case
      when b.removes and l.index_state in ('loaded', 'doubtful') then 'to_remove'
      when b.doubtful is not null then 'doubtful'
      else l.index_state end,
    generation = greatest(l.generation, coalesce(b.generation, (
      select c.generation from udp.case c where c.id = l.record_id))), tried_recipe = %(recipe)s, retry_count = l.retry_count + 1
from unnest(%(ids)s::text[], %(generations)s::bigint[], %(stages)s::text[], %(messages)s::text[], %(doubtful)s::uuid[],
    %(removes)s::boolean[])
  as b (id, generation, stage, message, doubtful, removes)
where l.record_id = b.id and (b.generation is null or l.generation <= b.generation)

-- add_events --
-- The audit trail.
insert into recon.lineage_events (record_id, run_id, stage, event, at, detail)
select b.id, %(run_id)s, b.stage, b.event, b.at, b.detail
from unnest(%(ids)s::text[], %(stages)s::text[], %(events)s::text[], %(at)s::timestamptz[], %(details)s::text[])
  with ordinality as b (id, stage, event, at, detail, n)
order by b.n

-- gone --
-- Cases that the source has no longer and the index may still have; `absent`: also those that staging does
-- not even know as deleted.
select l.record_id, l.object_id
from recon.data_lineage l left join udp.case c on c.id = l.record_id
where (c.is_deleted or (%(absent)s and c.id is null)) and l.status <> 'deleted' and l.record_id > %(after)s
order by l.record_id limit %(limit)s

-- deleted --
-- The index has let go of these cases.
with marked as (
  update recon.data_lineage
  set status = 'deleted', updated_at = now(), index_state = 'removed', object_id = null, error_message = null,
      generation = coalesce((select c.generation from udp.case c where c.id = record_id), generation)
  where record_id = any (%(ids)s) and status <> 'deleted'
  returning record_id, current_stage
)
insert into recon.lineage_events (record_id, run_id, stage, event, at)
select record_id, %(run_id)s, current_stage, 'deleted', clock_timestamp() from marked order by record_id

-- to_remove --
-- Live cases whose object may not be served any more.
select record_id, object_id from recon.data_lineage
where index_state = 'to_remove' and record_id > %(after)s
  and (%(only)s::text[] is null or record_id = any (%(only)s))
order by record_id limit %(limit)s

-- removed --
-- The index has let go of their objects; the cases live.
with marked as (
  update recon.data_lineage set index_state = 'removed', object_id = null, updated_at = now()
  where record_id = any (%(ids)s) and index_state = 'to_remove'
  returning record_id, current_stage
)
insert into recon.lineage_events (record_id, run_id, stage, event, at)
select record_id, %(run_id)s, current_stage, 'removed', clock_timestamp() from marked order by record_id

-- note_limited --
-- The source was looked at again and has no more of these cases: complete with limited data, left alone.
update recon.data_lineage
set note = concat_ws('; ', note, 'complete with limited data'), limited_data = true
where status = 'completed' and total_fields_populated < %(few)s
  and coalesce(note not like '%%limited data', true)

-- census --
-- How many cases stand where. `outdated`: completed cases whose row at the source could not be read since they were
-- loaded, so that the index holds what they were before. One failure may stand for many rows; of two rows of one id
-- the newer was taken.
with refused as (
  select record_id, payload from recon.failed_records
  where source_object = 'Case' and error_type = 'MalformedRecord' and not resolved
)
select
  (select count(*) from udp.case where not is_deleted) as staging,
  count(*) filter (where status <> 'deleted') as lineage,
  count(*) filter (where status <> 'deleted' and (current_stage <> 'extracted' or transformed_timestamp is not null)) as pii_removed,
  count(*) filter (where status <> 'deleted' and (current_stage in ('embedding_generated', 'weaviate_loaded') or embedded_timestamp is not null)) as embedding_generated,
  count(*) filter (where status <> 'deleted' and index_state = 'loaded') as weaviate_loaded,
  count(*) filter (where status = 'completed') as completed,
  count(*) filter (where status = 'completed' and record_id in (
    select record_id from refused where payload ? 'row_digest'))
    + (select coalesce(sum((payload ->> 'staged')::bigint), 0)::bigint from refused) as outdated,
  count(*) filter (where status = 'in_progress') as in_progress,
  count(*) filter (where status = 'failed') as failed,
  count(*) filter (where status = 'deleted') as deleted,
  count(*) filter (where status <> 'deleted' and total_fields_populated < %(few)s) as few_fields,
  count(*) filter (where status <> 'deleted' and total_fields_populated < %(few)s
    and coalesce(note not like '%%limited data', true)) as few_fields_unseen,
  count(*) filter (where status <> 'deleted' and total_fields_populated < %(few)s
    and note like '%%limited data') as few_fields_noted,
  count(*) filter (where status <> 'deleted' and limited_data) as limited_data,
  round(avg(total_fields_populated) filter (where status <> 'deleted'), 1)::float as average_fields,
  avg(has_tasks::integer) filter (where status <> 'deleted')::float as "Task",
  avg(has_workorders::integer) filter (where status <> 'deleted')::float as "WorkOrder",
  avg(has_comments::integer) filter (where status <> 'deleted')::float as "CaseComment",
  avg(has_emails::integer) filter (where status <> 'deleted')::float as "EmailMessage",
  avg(has_feeds::integer) filter (where status <> 'deleted')::float as "WorkOrderFeed"
from recon.data_lineage

-- at_source --
-- Cases that the source has, as far as it has been read: the staged ones, and those whose row was refused.
select (select count(*) from udp.case where not is_deleted) + (
  select coalesce(sum(coalesce((f.payload ->> 'rows')::bigint - coalesce((f.payload ->> 'staged')::bigint, 0), 1)), 0)
  from recon.failed_records f
  where f.source_object = 'Case' and f.error_type = 'MalformedRecord' and not f.resolved
    and not exists (select from udp.case c where c.id = f.record_id and not c.is_deleted))

-- spaces --
-- Which embedding space the loaded cases are in.
select space, count(*) from recon.data_lineage
where status <> 'deleted' and space is not null group by space order by 2 desc

-- find --
-- A case by its record id (15 or 18 characters) or number.
select * from recon.data_lineage
where record_id = %(key)s or case_number = %(key)s
order by (status = 'deleted'), updated_at desc limit 1

-- staged --
-- A case that is staged but not tracked yet.
select id, case_number, staged_at, is_deleted from udp.case where id = %(key)s or case_number = %(key)s limit 1

-- events --
-- The journey of a case, oldest first.
select stage, event, at, detail, run_id from recon.lineage_events where record_id = %(id)s order by event_id

-- joins --
-- The last join of a case.
select tasks_joined, workorders_joined, comments_joined, emails_joined, workorder_feeds_joined,
       composite_text_length, was_truncated, fields_populated, execution_timestamp
from recon.multi_table_join_stats where case_id = %(id)s order by execution_timestamp desc limit 1

-- example --
-- A loaded case to try things with: the one that has most to show.
select case_number from recon.data_lineage
where status = 'completed' order by total_fields_populated desc nulls last, record_id limit 1
