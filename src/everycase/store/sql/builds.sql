-- open --
-- The build that is under way.
select collection from recon.index_build

-- begin --
-- From now on cases are made anew there.
insert into recon.index_build (collection) values (%(collection)s)
on conflict (is_only) do update set collection = excluded.collection, started_at = now()

-- end --
-- It is served, or was given up.
delete from recon.index_build

-- create --
-- What a collection holds, by its own word; of this session alone.
drop table if exists pg_temp.built;
create temp table built (
  object_id uuid primary key, case_id text not null, case_number text not null, checksum text not null,
  children_checksum text not null, text_hash text not null, space text not null, recipe text not null,
  vector_hash text not null, object_hash text not null, generation bigint not null, loaded_at timestamptz not null)

-- add --
-- In bulk.
copy built (object_id, case_id, case_number, checksum, children_checksum, text_hash, space, recipe, vector_hash,
  object_hash, generation, loaded_at) from stdin

-- analyze --
-- The planner must know how many there are.
create index on built (case_id);
analyze built

-- size --
-- Objects that the collection has listed.
select count(*) from built

-- due --
-- How many staged cases it lacks, or has of older content or another recipe.
select count(*) from udp.case c left join built b on b.case_id = c.id and b.case_number = c.case_number
where not c.is_deleted and (b.object_id is null or b.generation <> c.generation or b.recipe <> %(recipe)s)

-- page --
-- The next of them, in the order of the ids.
select c.id from udp.case c left join built b on b.case_id = c.id and b.case_number = c.case_number
where not c.is_deleted and (b.object_id is null or b.generation <> c.generation or b.recipe <> %(recipe)s)
  and c.id > %(after)s
order by c.id limit %(limit)s

-- extra --
-- Objects in it of cases that are gone, or that have another number now.
select b.object_id from built b
where b.object_id > %(after)s and not exists (
  select from udp.case c where c.id = b.case_id and c.case_number = b.case_number and not c.is_deleted)
order by b.object_id limit %(limit)s

-- lacking --
-- Cases that can be found in the served collection and could not in this one.
select count(*) from recon.data_lineage l
where l.status <> 'deleted' and l.index_state = 'loaded'
  and not exists (select from built b where b.object_id = l.object_id)

-- sample --
-- Some of its objects, to be read back.
select object_id from built
order by hashtextextended(case_id, %(seed)s) limit %(sample)s

-- adopt --
-- What is served from now on is what lineage says is loaded.
update recon.data_lineage l
set checksum = b.checksum, children_checksum = b.children_checksum, row_hash = c.row_hash, text_hash = b.text_hash,
    space = b.space, recipe = b.recipe, tried_recipe = b.recipe, object_id = b.object_id,
    object_hash = b.object_hash, vector_hash = b.vector_hash, generation = b.generation,
    index_state = 'loaded', weaviate_timestamp = b.loaded_at, updated_at = now()
from built b join udp.case c on c.id = b.case_id and c.generation = b.generation and not c.is_deleted
where l.record_id = b.case_id and l.status = 'completed'
