-- cases --
-- The cases of a batch, with what may keep one from being joined: another live case of its number.
select c.id, {columns}, c.identity, c.row_hash, c.generation, c.created_date, c.last_modified_date,
  c.system_modstamp,
  (select min(o.id) from {case} o
   where o.case_number = c.case_number and o.id <> c.id and not o.is_deleted
     and (coalesce(o.created_date, '-infinity'), o.id) < (coalesce(c.created_date, '-infinity'), c.id)) as elder
from {case} c
where c.id = any (%(ids)s) and not c.is_deleted
order by c.id

-- children --
-- The children of a batch's cases, in their fixed order.
select t.parent_id as case_id, t.id, t.parent_id, {columns}, t.identity, t.row_hash, t.ordered_by
from {table} t
where t.parent_id = any (%(ids)s) and not t.is_deleted
order by t.parent_id, t.ordered_by nulls first, t.id

-- feed --
-- Feed items belong to a case through their work order.
select w.parent_id as case_id, t.id, t.parent_id, {columns}, t.identity, t.row_hash, t.ordered_by
from {table} t join {workorder} w on w.id = t.parent_id
where w.parent_id = any (%(ids)s) and not t.is_deleted and not w.is_deleted
order by w.parent_id, t.ordered_by nulls first, t.id

-- add_stats --
-- One row for each join of a case, kept for ever.
insert into recon.multi_table_join_stats (
  case_id, case_number, case_found, tasks_joined, workorders_joined, comments_joined, emails_joined,
  workorder_feeds_joined, composite_text_length, was_truncated, fields_populated, execution_timestamp)
select * from unnest(
  %(case_id)s::text[], %(case_number)s::text[], %(case_found)s::boolean[], %(tasks)s::integer[],
  %(workorders)s::integer[], %(comments)s::integer[], %(emails)s::integer[], %(feeds)s::integer[],
  %(length)s::integer[], %(truncated)s::boolean[], %(fields)s::integer[], %(at)s::timestamptz[])
