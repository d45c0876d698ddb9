-- create --
-- What the index lists, and which part of the lineage it is compared with; of this session alone. `agreed`: buckets that
-- need no comparison; `differing`: the ranges of ids that do; `suspect`: objects that are looked at a second time.
drop table if exists pg_temp.manifest, pg_temp.suspect, pg_temp.agreed, pg_temp.differing;
create temp table manifest (
  object_id uuid not null, case_id text, case_number text, space text, generation bigint, seal bytea,
  is_canonical boolean not null default false);
create temp table suspect (object_id uuid primary key);
create temp table agreed (bucket integer primary key, objects bigint not null);
create temp table differing (first uuid not null, last uuid not null)

-- add --
-- What the index says it holds, in bulk.
copy manifest (object_id, case_id, case_number, space, generation, seal) from stdin

-- clear --
-- Before the index is listed.
truncate manifest, suspect, agreed, differing

-- hash_groups --
-- The planner does not know that there are 4,096 buckets: it would sort all rows by their bucket.
set local enable_sort = off

-- expected_digests --
-- By bucket, what the index should hold: as the index itself sums up what it does hold.
select get_byte(uuid_send(l.object_id), 0) * 16 + get_byte(uuid_send(l.object_id), 1) / 16, count(*),
  sum(hashtextextended(concat_ws(E'\x1f', l.object_id, l.record_id, l.case_number, l.checksum, l.children_checksum,
    l.text_hash, l.space, l.recipe, l.vector_hash, l.object_hash), 0)), max(l.generation)
from recon.data_lineage l
where l.status <> 'deleted' and l.index_state = 'loaded' and l.object_id is not null
group by 1

-- agree --
-- Buckets that hold just what they should: their objects are not listed.
insert into agreed select * from unnest(%(buckets)s::integer[], %(objects)s::bigint[])

-- differ --
-- All other ids.
insert into differing select * from unnest(%(first)s::uuid[], %(last)s::uuid[])

-- index --
-- The planner must know how many there are.
create index if not exists manifest_id on manifest (object_id);
analyze manifest;
analyze differing

-- everything --
-- The lineage rows of staged cases, for a comparison with all that the index has.
(select x.* from recon.data_lineage x join udp.case c on c.id = x.record_id and not c.is_deleted)

-- differing --
-- Those that a comparison of the differing buckets needs: of their ids, of the suspects, and rows that name no object.
-- `offset 0` and the subquery make the planner look rows up by their ids: it takes a range of ids for a large part of
-- the table, and would read all of it.
(select x.* from (
    select x.* from differing d cross join lateral (
      select * from recon.data_lineage y where y.object_id between d.first and d.last offset 0) x
    union all
    select x.* from suspect s join recon.data_lineage x on x.object_id = s.object_id
    where not exists (select from differing d where s.object_id between d.first and d.last)
    union all
    select x.* from recon.data_lineage x where x.object_id is null and x.index_state = 'loaded') x
  where (select c.id from udp.case c where c.id = x.record_id and not c.is_deleted) is not null)

-- suspects --
-- Those of the objects that are looked at a second time.
(select x.* from suspect s join recon.data_lineage x on x.object_id = s.object_id
 join udp.case c on c.id = x.record_id and not c.is_deleted)

-- forget --
-- Objects that are looked at again.
delete from manifest where object_id = any (%(ids)s)

-- add_suspects --
-- Objects that are looked at a second time.
insert into suspect select unnest(%(ids)s::uuid[]) on conflict do nothing

-- analyze_suspects --
-- The planner must know how few there are.
analyze suspect

-- forget_suspects --
-- Before the last look.
truncate suspect

-- size --
-- Objects that the index has listed, or that are known to be there because their bucket agrees.
select (select count(*) from manifest m where not exists (
    select from agreed a where a.bucket = get_byte(uuid_send(m.object_id), 0) * 16 + get_byte(uuid_send(m.object_id), 1) / 16))
  + (select coalesce(sum(objects), 0) from agreed)

-- unclaimed --
-- Objects that no lineage row names, a page at a time.
select m.object_id, m.case_number
from manifest m
where m.object_id > %(after)s and not m.is_canonical
  and not exists (select from recon.data_lineage l where l.object_id = m.object_id and l.status <> 'deleted')
order by m.object_id limit %(limit)s

-- mark_canonical --
-- Those of them that are where the object of their case number belongs.
update manifest set is_canonical = true where object_id = any (%(ids)s)
