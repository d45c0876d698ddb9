-- create --
-- What a plan would write of an object; of this session alone, so that nobody waits for it.
drop table if exists pg_temp.{planned}, pg_temp.{buried} cascade;
create temp table {planned} as select {columns} from {table} with no data;
create unique index on {planned} (id);
create index on {planned} (parent_id);
create temp table {buried} (id text primary key)

-- create_touched --
-- Cases that would be looked at again.
drop table if exists pg_temp.touched;
create temp table touched (id text primary key)

-- forget --
-- A row that came before and comes again.
delete from {planned} where id in (select id from newest)

-- keep --
-- What would be written.
insert into {planned} select {columns} from newest join changed using (id)

-- bury --
-- What would be marked as deleted.
insert into {buried} select id from gone

-- touch_namesakes --
-- The changed cases, and those that share a number with one.
insert into touched
select id from changed
union
select c.id from udp.case c
where not c.is_deleted and c.case_number in (
  select o.case_number from udp.case o where o.id in (select id from changed union select id from gone)
  union select n.case_number from newest n join changed using (id))
on conflict do nothing

-- touch_children --
-- The cases of the changed children, old and new.
insert into touched
select id from (select new_parent as id from changed union select old_parent from changed
                union select parent_id from gone) p
where id is not null
on conflict do nothing

-- touch_feed --
-- A feed item belongs to a case through its work order.
insert into touched
select w.parent_id
from (select id, parent_id from udp.workorder union all select id, parent_id from planned_workorder) w
where w.parent_id is not null and w.id in (
  select new_parent from changed union select old_parent from changed union select parent_id from gone)
on conflict do nothing

-- overlay --
-- Staging as it would be: what is staged, but for what is planned or buried, and what is planned.
analyze {planned};
create or replace temp view {shadow} as
select {columns}, {generation} as generation from {table} t
where not t.is_deleted
  and not exists (select from {planned} p where p.id = t.id)
  and not exists (select from {buried} b where b.id = t.id)
union all
select {columns}, 0::bigint from {planned}

-- decide --
-- What a sync would decide about every case.
create temp table decided as
select c.id,
  case when l.record_id is null or l.status = 'deleted' then 'create'
       when t.id is not null then case when l.index_state in ('never', 'removed') then 'create' else 'update' end
       else coalesce(d.decision, 'create') end as decision
from pg_temp.case c
left join recon.data_lineage l on l.record_id = c.id
left join touched t on t.id = c.id
left join recon.decisions(%(recipe)s, %(now)s) d on d.id = c.id

-- drop_decided --
-- Of an earlier plan on this connection.
drop table if exists pg_temp.decided

-- counts --
-- How many of each, and how many cases would be deleted.
select decision, count(*) from decided group by decision
union all
select 'delete', count(*) from recon.data_lineage l join udp.case c on c.id = l.record_id
where l.status <> 'deleted' and not exists (select from pg_temp.case v where v.id = l.record_id)

-- due --
-- A sample of the cases that a sync would look at.
select id, decision from decided where decision in ('create', 'update') order by hashtext(id) limit %(limit)s
