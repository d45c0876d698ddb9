-- lock --
-- Two processes that prepare at once do it one after the other.
select pg_advisory_xact_lock(hashtextextended('everycase.vector_index', 0))

-- is_prepared --
-- Whether everything that these spaces and properties need is there.
select (select count(*) from information_schema.columns
        where table_schema = 'vector_index' and table_name = 'support_case' and column_name = any (%(columns)s))
       = cardinality(%(columns)s::text[])
   and (select count(*) from pg_tables
        where schemaname = 'vector_index' and tablename = any (%(tables)s)) = cardinality(%(tables)s::text[])

-- create --
-- One row an object. A case number may occur twice: a duplicate is to be found, not to be impossible.
create table if not exists vector_index.support_case (
  id uuid primary key,
  case_id text not null,
  case_number text not null,
  composite text not null,
  checksum text not null,
  children_checksum text not null,
  text_hash text not null,
  space text not null,
  recipe text not null,
  vector_hash text not null,
  object_hash text not null,
  generation bigint not null,
  loaded_at timestamptz not null
)

-- add_indexes --
-- Filters; a column of release 0.1 goes, whose words are in a table of their own now.
create index if not exists support_case_case_number on vector_index.support_case (case_number);
create index if not exists support_case_status on vector_index.support_case (lower(status));
alter table vector_index.support_case drop column if exists lexemes

-- create_vectors --
-- The vectors of one space.
create table if not exists {table} (
  id uuid primary key references vector_index.support_case (id) on delete cascade,
  embedding halfvec({dimensions}) not null
)

-- add_vector_index --
-- Nearest neighbours by cosine distance.
create index if not exists {index} on {table} using hnsw (embedding halfvec_cosine_ops)

-- drop_vector_index --
-- Before many vectors come: the graph is built when they are there.
drop index if exists {index}

-- count_up_to --
-- How many vectors a space has, if they are few.
select count(*) from (select from {table} limit %(most)s) few

-- without_vector_index --
-- The spaces' tables that have no graph.
select t.tablename from pg_tables t
where t.schemaname = 'vector_index' and t.tablename like 'vector\_%'
  and not exists (select from pg_indexes i
    where i.schemaname = t.schemaname and i.tablename = t.tablename and i.indexname like '%\_hnsw')
order by 1

-- prepare_build --
-- Memory for a graph, more than that of the server's setting if this machine has it, and time.
select set_config('maintenance_work_mem', greatest(
    (select setting::bigint / 1024 from pg_settings where name = 'maintenance_work_mem'),
    %(most_mb)s)::text || 'MB', true),
  set_config('statement_timeout', '0', true)

-- rebuild_vector_index --
-- The graph of a space made anew, beside the old one, which serves until it is replaced.
reindex index concurrently {index}

-- upsert --
-- Objects whole; older content never replaces newer.
insert into vector_index.support_case as s ({columns})
select {columns}
from jsonb_to_recordset(%(objects)s) as o ({typed})
on conflict (id) do update set {assignments}
where s.generation <= excluded.generation
returning id

-- upsert_vectors --
-- The vectors of the objects that were written; sent in binary, as text they cost more than all the rest.
insert into {table} as v (id, embedding)
select * from unnest(%(ids)s::uuid[], %(vectors)b::halfvec[])
on conflict (id) do update set embedding = excluded.embedding where v.embedding <> excluded.embedding

-- drop_vectors --
-- An object has one vector, in one space.
delete from {table} where id = any (%(ids)s)

-- delete --
-- Objects, and with them their vectors.
delete from vector_index.support_case where id = any (%(ids)s)

-- delete_older --
-- What is to be written anew goes first, in the same transaction, unless it is newer.
delete from vector_index.support_case s
using unnest(%(ids)s::uuid[], %(generations)s::bigint[]) as b (id, generation)
where s.id = b.id and s.generation <= b.generation

-- release --
-- Objects that are still those of the cases that let go of them.
delete from vector_index.support_case s
using unnest(%(ids)s::uuid[], %(cases)s::text[]) as b (id, case_id)
where s.id = b.id and s.case_id = b.case_id

-- mark --
-- What the schema says of itself, whether its table has the columns that only ours has, and whether it is empty.
select obj_description(n.oid, 'pg_namespace'),
  (select count(*) from information_schema.columns
   where table_schema = 'vector_index' and table_name = 'support_case' and column_name = any (%(columns)s))
    = cardinality(%(columns)s::text[]),
  not exists (select from pg_class c where c.relnamespace = n.oid)
from pg_namespace n where n.nspname = 'vector_index'

-- manifest --
-- A page of the stamps of what is there, in the order of the ids, from the first id to the last.
select id, case_id, case_number, checksum, children_checksum, text_hash, space, recipe, vector_hash,
       object_hash, generation, loaded_at
from vector_index.support_case
where id >= %(first)s and id <= %(last)s
order by id
limit %(page)s

-- hash_groups --
-- The planner does not know that there are 4,096 buckets: it would sort all rows by their bucket.
set local enable_sort = off

-- digests --
-- By bucket, how many objects there are and a sum of hashes of what the manifest would say of them.
select get_byte(uuid_send(id), 0) * 16 + get_byte(uuid_send(id), 1) / 16, count(*),
  sum(hashtextextended(concat_ws(E'\x1f', id, case_id, case_number, checksum, children_checksum, text_hash, space, recipe,
    vector_hash, object_hash), 0)), max(generation)
from vector_index.support_case group by 1

-- stamps --
-- The stamps of some objects.
select id, case_id, case_number, checksum, children_checksum, text_hash, space, recipe, vector_hash,
       object_hash, generation, loaded_at
from vector_index.support_case where id = any (%(ids)s)

-- objects --
-- Whole objects, to hold against what was written.
select {columns} from vector_index.support_case where id = any (%(ids)s) order by id

-- vectors --
-- Vectors as they are stored.
select id, embedding from {table} where id = any (%(ids)s) order by id

-- probe --
-- Which of these does the graph find by their own vectors, among the nearest few; where all of those are as
-- near as the object itself, its place among its equals says nothing.
select p.id
from unnest(%(ids)s::uuid[]) as p (id)
join {table} v on v.id = p.id
cross join lateral (
  select n.id, n.embedding <=> v.embedding as distance from {table} n
  order by n.embedding <=> v.embedding limit %(nearest)s
) f
group by p.id
having bool_or(f.id = p.id) or (count(*) = %(nearest)s and max(f.distance) < 1e-6)

-- searchable_by_words --
-- Which of these are searched by the words and identifiers that they have, as these are computed anew.
select o.id
from jsonb_to_recordset(%(objects)s) as o (id uuid, words text, identifiers text[])
join vector_index.case_words w on w.id = o.id
where w.lexemes = to_tsvector('english', o.words) and w.identifiers = o.identifiers
  and (w.length = 0 or w.weights <> '{}/1000000000'::sparsevec)

-- tables --
-- The spaces' tables that are there.
select tablename from pg_tables where schemaname = 'vector_index' and tablename like 'vector\_%%'

-- spaces --
-- How many objects each space holds.
select space, count(*) from vector_index.support_case group by space

-- count --
-- Objects that are there.
select count(*) from vector_index.support_case
