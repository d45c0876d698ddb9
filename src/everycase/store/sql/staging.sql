-- drop_load --
-- Of the object before, where several are read in one transaction.
drop table if exists pg_temp.load, pg_temp.newest, pg_temp.changed, pg_temp.vanished

-- create_load --
-- Where one object's rows arrive, as they come; gone with the transaction.
create temp table load on commit drop as select {columns}, 0::bigint as seq from {table} with no data

-- copy --
-- Rows in, in bulk.
copy load ({columns}, seq) from stdin

-- newest --
-- Of several rows with one id the newest counts, of equally new ones the last.
create temp table newest on commit drop as
select distinct on (id) {columns}
from load
order by id, system_modstamp desc nulls last, last_modified_date desc nulls last, seq desc

-- prepare_newest --
-- The planner must know how many there are.
create unique index on newest (id)

-- doubles --
-- Ids that came more than once with different content.
select id, min(seq), max(seq) from load group by id having count(distinct row_hash) > 1 order by id

-- changed --
-- Rows that are new or not what they were; both parents of a re-parented child are to be looked at.
create temp table changed on commit drop as
select n.id, n.parent_id as new_parent, t.parent_id as old_parent, n.is_deleted
from newest n left join {table} t on t.id = n.id
where t.id is null or t.row_hash <> n.row_hash or t.is_deleted <> n.is_deleted

-- upsert --
-- Only what differs is written.
insert into {table} ({columns})
select {columns} from newest join changed using (id, is_deleted)
on conflict (id) do update set {assignments}, staged_at = now()

-- vanished --
-- Staged rows that a complete enumeration did not name; `spared` were named by rows that could not be read.
create temp table vanished on commit drop as
select t.id, t.parent_id
from {table} t
where not t.is_deleted
  and not exists (select from newest n where n.id = t.id)
  and t.id <> all (%(spared)s::text[])

-- counts --
-- What the guard against mass vanishing decides on.
select (select count(*) from newest) as read,
       (select count(*) from {table} where not is_deleted) as live,
       (select count(*) from vanished) as vanished

-- mark_vanished --
-- A deletion is a mark, so that lineage and index can follow.
update {table} set is_deleted = true, staged_at = now() where id in (select id from vanished)

-- forget_vanished --
-- Withheld: nothing vanished as far as this run is concerned.
truncate vanished

-- touched_by_children --
-- A change of a child is a change of its case, of the old one as well as the new one.
update udp.case set generation = nextval('udp.generation')
where id in (
  select new_parent from changed
  union select old_parent from changed
  union select parent_id from vanished
)

-- touched_by_feed --
-- A feed item belongs to a case through its work order.
update udp.case set generation = nextval('udp.generation')
where id in (
  select w.parent_id from udp.workorder w
  where w.id in (
    select new_parent from changed
    union select old_parent from changed
    union select parent_id from vanished
  )
)

-- touched_by_namesakes --
-- Cases that share a case number are judged together: when one goes, the other may come.
update udp.case c set generation = nextval('udp.generation')
where c.case_number in (
    select o.case_number from udp.case o
    where o.id in (select id from changed union select id from vanished) and o.case_number is not null
  )
  and c.id not in (select id from changed)
  and not c.is_deleted

-- tally --
-- What the merge did.
select (select count(*) from changed) as changed, (select count(*) from vanished) as vanished

-- refresh_statistics --
-- After many changes the planner must not go by what was there before.
analyze {table}

-- watermark --
-- How far this object has been read, if staging still holds just what was read then.
select w.version from recon.watermarks w
where w.source = %(source)s and w.object = %(object)s
  and w.digest = (
    select count(*) || ':' || coalesce(sum(hashtextextended(id || row_hash, 0)), 0) from {table} where not is_deleted)

-- set_watermark --
-- The same version of the file need not be read again. The digest is of the live rows, in any order.
insert into recon.watermarks (source, object, version, row_count, digest, read_at)
select %(source)s, %(object)s, %(version)s, count(*),
       count(*) || ':' || coalesce(sum(hashtextextended(id || row_hash, 0)), 0), now()
from {table} where not is_deleted
on conflict (source, object) do update
set version = excluded.version, row_count = excluded.row_count, digest = excluded.digest,
    read_at = excluded.read_at

-- clear_watermark --
-- What was read is not all there is: look again next time.
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
