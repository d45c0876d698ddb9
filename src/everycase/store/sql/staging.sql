-- mark --
-- How far this object has been read, if staging still holds just what it held then.
select w.version from recon.watermarks w
where w.source = %(source)s and w.object = %(object)s
  and (w.row_count, w.digest) = (
    select count(*), coalesce(sum(hashtextextended(id || row_hash, 0)), 0) from {table} where not is_deleted)

-- live_among --
-- Those of some ids that are staged and not deleted.
select id from {table} where id = any (%(ids)s) and not is_deleted

-- is_marked --
-- Whether anything is remembered of how far this object has been read.
select from recon.watermarks where source = %(source)s and object = %(object)s

-- set_mark --
-- So far the object has been read. The digest is of the live rows, in any order.
insert into recon.watermarks (source, object, version, row_count, digest, read_at)
select %(source)s, %(object)s, %(mark)s, count(*), coalesce(sum(hashtextextended(id || row_hash, 0)), 0), now()
from {table} where not is_deleted
on conflict (source, object) do update
set version = excluded.version, row_count = excluded.row_count, digest = excluded.digest,
    read_at = excluded.read_at

-- clear_mark --
-- What was read is not all there is: read it again next time.
delete from recon.watermarks where source = %(source)s and object = %(object)s

-- waiting_children --
-- Children whose parent is not staged and may still come, by the parent that is missing; many parents as one
-- row, by their object. Where the parent's object was read whole, it will not come.
with waiting as (
  select parent_id, 'Case' as parent_object, 'Task' as object, staged_at from udp.task where not is_deleted
  union all select parent_id, 'Case', 'WorkOrder', staged_at from udp.workorder where not is_deleted
  union all select parent_id, 'Case', 'CaseComment', staged_at from udp.casecomment where not is_deleted
  union all select parent_id, 'Case', 'EmailMessage', staged_at from udp.emailmessage where not is_deleted
  union all select parent_id, 'WorkOrder', 'WorkOrderFeed', staged_at from udp.workorderfeed where not is_deleted
), counted as (
  select parent_id, parent_object, object, count(*) as n, max(staged_at) as newest
  from waiting w
  where parent_id is not null
    and not exists (select from udp.case c where w.parent_object = 'Case' and c.id = w.parent_id)
    and not exists (select from udp.workorder o where w.parent_object = 'WorkOrder' and o.id = w.parent_id)
  group by parent_id, parent_object, object
), ranked as (
  select coalesce(parent_id, '(none)') as parent_id, parent_object, jsonb_object_agg(object, n) as waiting,
    row_number() over (partition by parent_object order by parent_id) as place
  from counted c
  where not exists (select from recon.watermarks m where m.source = %(source)s and m.object = c.parent_object)
     or (%(source)s like 'salesforce:%%' and c.newest > now() - interval '24 hours')
     or exists (select from recon.failed_records f
                where f.record_id = c.parent_id and f.stage = 'extraction' and not f.resolved)
  group by parent_id, parent_object
)
select parent_id, parent_object, waiting, 1 from ranked where place <= %(named)s
union all
select r.parent_object, r.parent_object, (
    select jsonb_object_agg(o.key, o.n) from (
      select w.key, sum(w.value::bigint) as n from ranked m, jsonb_each_text(m.waiting) w
      where m.parent_object = r.parent_object and m.place > %(named)s group by w.key) o),
  count(*)
from ranked r where r.place > %(named)s group by r.parent_object

-- rows_to_recompute --
-- Live rows, whole: all, some at random, or those that are named.
select {columns} from {table} t
where not t.is_deleted and (%(only)s::text[] is null or t.id = any (%(only)s))
  and (%(sample)s::bigint is null or t.id in (
    select s.id from {table} s where not s.is_deleted
    order by hashtextextended(s.id, %(seed)s) limit %(sample)s))

-- disbelieve --
-- Their hash was kept when their content was altered.
update {table} set row_hash = '' where id = any (%(ids)s)
