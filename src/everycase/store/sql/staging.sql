-- mark --
-- How far this object has been read, if staging still holds just what it held then.
select w.version from recon.watermarks w
where w.source = %(source)s and w.object = %(object)s
  and (w.row_count, w.digest) = (
    select count(*), coalesce(sum(hashtextextended(id || row_hash, 0)), 0) from {table} where not is_deleted)

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
-- Children whose parent is not staged, by the parent that is missing.
with waiting as (
  select parent_id, 'Case' as parent_object, 'Task' as object from udp.task where not is_deleted
  union all select parent_id, 'Case', 'WorkOrder' from udp.workorder where not is_deleted
  union all select parent_id, 'Case', 'CaseComment' from udp.casecomment where not is_deleted
  union all select parent_id, 'Case', 'EmailMessage' from udp.emailmessage where not is_deleted
  union all select parent_id, 'WorkOrder', 'WorkOrderFeed' from udp.workorderfeed where not is_deleted
), counted as (
  select parent_id, parent_object, object, count(*) as n
  from waiting w
  where not exists (select from udp.case c where w.parent_object = 'Case' and c.id = w.parent_id)
    and not exists (select from udp.workorder o where w.parent_object = 'WorkOrder' and o.id = w.parent_id)
  group by parent_id, parent_object, object
)
select coalesce(parent_id, '(none)') as parent_id, parent_object, jsonb_object_agg(object, n) as waiting
from counted group by parent_id, parent_object
