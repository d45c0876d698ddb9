-- create --
-- What one read brings, beside the staging table; of this session alone, and kept over its transactions.
drop table if exists pg_temp.newest, pg_temp.named, pg_temp.changed, pg_temp.seen, pg_temp.doubled, pg_temp.tombstone,
  pg_temp.gone;
create temp table named (
  id text, row_hash text, source_version text, system_modstamp timestamptz, last_modified_date timestamptz, line bigint);
create temp table newest as select {columns}, 0::bigint as line from {table} with no data;
create temp table changed (id text, new_parent text, old_parent text);
create temp table seen (
  id text primary key, row_hash text, system_modstamp timestamptz, last_modified_date timestamptz, line bigint);
create temp table doubled (id text primary key, first_line bigint, last_line bigint);
create temp table tombstone (id text primary key, at timestamptz);
create temp table gone (id text primary key, parent_id text)

-- begin_chunk --
-- Room for the next rows.
truncate newest, changed

-- begin_names --
-- Room for the names of a chunk; most reads send none.
truncate named

-- copy_names --
-- What rows are known by, without their content.
copy named (id, row_hash, source_version, system_modstamp, last_modified_date, line) from stdin

-- differing --
-- The rows whose content is needed: new, not what is staged, or named before by this read. All others are done with.
with differing as materialized (
  select n.id
  from named n left join lateral (select * from {table} where {table}.id = n.id offset 0) t on true
  where t.id is null or t.row_hash <> n.row_hash or t.is_deleted or t.source_version <> n.source_version
    or (select s.id from seen s where s.id = n.id) is not null
), same as (
  insert into seen select id, row_hash, system_modstamp, last_modified_date, line from named
  where id not in (select id from differing)
)
select id from differing

-- copy --
-- Rows in, in bulk.
copy newest ({columns}, line) from stdin

-- do_not_wait --
-- The commit of a chunk does not wait for the disk. A later commit that does wait, such as that of the place from
-- which a read goes on, writes the chunk to the disk first.
set local synchronous_commit = off

-- note_new --
-- Ids that the read had not named before; the rows of a chunk that are not counted here came earlier too.
insert into seen select id, row_hash, system_modstamp, last_modified_date, line from newest
on conflict (id) do nothing

-- note_doubles --
-- Ids that came in an earlier chunk with different content. `offset 0` here and below: each row of a chunk is
-- looked up by its id, for the planner may not know how long the other table has grown, and would read all of it.
insert into doubled
select n.id, least(n.line, s.line), greatest(n.line, s.line)
from newest n cross join lateral (select * from seen where seen.id = n.id offset 0) s
where n.row_hash <> s.row_hash
on conflict (id) do update set last_line = greatest(doubled.last_line, excluded.last_line)

-- drop_older --
-- Of several rows with one id the newest counts, of equally new ones the last: also over several chunks.
delete from newest n
where (coalesce(n.system_modstamp, '-infinity'), coalesce(n.last_modified_date, '-infinity'))
  < (select coalesce(s.system_modstamp, '-infinity'), coalesce(s.last_modified_date, '-infinity')
     from seen s where s.id = n.id)

-- note_again --
-- Of ids that came earlier, the newest row.
insert into seen select id, row_hash, system_modstamp, last_modified_date, line from newest
on conflict (id) do update set row_hash = excluded.row_hash, system_modstamp = excluded.system_modstamp,
  last_modified_date = excluded.last_modified_date, line = excluded.line

-- begin_again --
-- What was found to have changed before older rows were left out.
truncate changed

-- changed --
-- Rows that are new or not what they were; both parents of a re-parented child are to be looked at. A row that the
-- same read names as deleted later is not brought back for a moment.
insert into changed
select n.id, n.parent_id, t.parent_id
from newest n left join lateral (select * from {table} where {table}.id = n.id offset 0) t on true
where (t.id is null or t.row_hash <> n.row_hash or t.is_deleted or t.source_version <> n.source_version)
  and not exists (select from tombstone x where x.id = n.id and x.at > n.system_modstamp)

-- upsert --
-- Only what differs is written.
insert into {table} ({columns})
select {columns} from newest join changed using (id)
on conflict (id) do update set {assignments}, staged_at = now()

-- add_doubles --
-- Ids that came more than once in this chunk with different content.
insert into doubled select * from unnest(%(ids)s::text[], %(first)s::bigint[], %(last)s::bigint[])
on conflict (id) do update set last_line = greatest(doubled.last_line, excluded.last_line)

-- add_tombstones --
-- Rows that the source says are no more.
insert into tombstone
select id, max(at) from unnest(%(ids)s::text[], %(at)s::timestamptz[]) as t (id, at) group by id
on conflict (id) do update set at = greatest(tombstone.at, excluded.at)

-- doubles --
-- The first of them.
select id, first_line, last_line from doubled order by first_line, id limit %(limit)s

-- named_failures --
-- Records with an open failure of their row that this read has named well.
select f.record_id from recon.failed_records f join seen s on s.id = f.record_id
where f.source_object = %(object)s and f.stage = 'extraction' and not f.resolved

-- find_buried --
-- Staged rows that have a tombstone. A row that the same read names alive, and not earlier than its tombstone, is
-- alive. `spared` were named by rows that could not be read.
insert into gone
select t.id, t.parent_id
from tombstone x join {table} t on t.id = x.id left join seen s on s.id = t.id
where not t.is_deleted and t.id <> all (%(spared)s::text[]) and (s.id is null or x.at > s.system_modstamp)

-- find_absent --
-- Staged rows that a read of everything did not name.
insert into gone
select t.id, t.parent_id
from {table} t left join seen s on s.id = t.id
where not t.is_deleted and t.id <> all (%(spared)s::text[]) and s.id is null
on conflict do nothing

-- count_gone --
-- What the guard against mass deletion decides on; without a deletion the live rows need not be counted.
select (select count(*) from seen) as seen,
       case when exists (select from gone) then (select count(*) from {table} where not is_deleted) end as live,
       (select count(*) from gone) as gone

-- mark_gone --
-- A deletion is a mark, so that lineage and index can follow.
update {table} set is_deleted = true, staged_at = now() where id in (select id from gone)

-- note_gone --
-- The audit trail says why a case goes.
insert into recon.lineage_events (record_id, stage, event, at, detail)
select l.record_id, l.current_stage, 'gap', clock_timestamp(),
       case when x.id is not null then 'gone_at_source: marked as deleted there'
            else 'gone_at_source: absent from a whole read' end
from gone g join recon.data_lineage l on l.record_id = g.id and l.status <> 'deleted'
left join tombstone x on x.id = g.id
order by l.record_id

-- touched_by_children --
-- A change of a child is a change of its case, of the old one as well as the new one.
update udp.case set generation = nextval('udp.generation')
where id in (
  select new_parent from changed
  union select old_parent from changed
  union select parent_id from gone
)

-- touched_by_feed --
-- A feed item belongs to a case through its work order.
update udp.case set generation = nextval('udp.generation')
where id in (
  select w.parent_id from udp.workorder w
  where w.id in (
    select new_parent from changed
    union select old_parent from changed
    union select parent_id from gone
  )
)

-- touched_by_namesakes --
-- Cases that share a case number are judged together: when one goes, the other may come.
update udp.case c set generation = nextval('udp.generation')
where c.case_number in (
    select o.case_number from udp.case o
    where o.id in (select id from changed union select id from gone) and o.case_number is not null
  )
  and c.id not in (select id from changed)
  and not c.is_deleted

-- digest_of_changed --
-- What the changed rows add to the digest of the live rows; asked before and after they change.
select count(*), coalesce(sum(hashtextextended(id || row_hash, 0)), 0) from {table}
where not is_deleted and id in (select id from changed union select id from gone)

-- move_digest --
-- Staging is ahead of the mark of a source that is asked for what changed; that is no damage.
update recon.watermarks
set row_count = row_count + %(rows)s, digest = digest + %(sum)s
where source = %(source)s and object = %(object)s

-- refresh_statistics --
-- After many changes the planner must not go by what was there before.
analyze {table}
