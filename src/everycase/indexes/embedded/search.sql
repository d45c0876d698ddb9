-- create_words --
-- What a case is searched by as words: one narrow row, so that thousands of them are weighed in milliseconds.
-- `weights`: each word's part in BM25 that does not depend on the query, at the word's hash.
create table if not exists vector_index.case_words (
  id uuid primary key references vector_index.support_case (id) on delete cascade,
  length integer not null,
  weights sparsevec not null,
  lexemes tsvector not null,
  identifiers text[] not null
);
alter table vector_index.case_words alter column weights set storage main;
alter table vector_index.case_words alter column lexemes set storage external;
alter table vector_index.case_words alter column lexemes set statistics 500;
create index if not exists case_words_lexemes on vector_index.case_words
  using gin (lexemes) with (gin_pending_list_limit = 256);
create index if not exists case_words_identifiers on vector_index.case_words
  using gin (identifiers) with (gin_pending_list_limit = 256)

-- upsert_words --
-- BM25 with k1 = 1.5 and b = 0.75; the mean length is that of a thousand cases, or of these if there are none.
with given as (
  select o.id, to_tsvector('english', o.words) as lexemes, o.identifiers
  from jsonb_to_recordset(%(objects)s) as o (id uuid, words text, identifiers text[])
), counts as (
  select g.id, mod(abs(hashtext(u.lexeme)::bigint), 999999937) + 1 as term, sum(cardinality(u.positions)) as times
  from given g, unnest(g.lexemes) as u (lexeme, positions, weights)
  group by 1, 2
), lengths as (
  select id, sum(times) as length from counts group by id
), mean as (
  select greatest(1.0, coalesce(
    (select avg(length) from (select length from vector_index.case_words limit 1000) known),
    (select avg(length) from lengths), 1.0))::float as length
), weighed as (
  select c.id, string_agg(
    c.term || ':' || (c.times * 2.5 / (c.times + 1.5 * (0.25 + 0.75 * l.length / m.length)))::real, ',') as terms
  from counts c join lengths l using (id) cross join mean m
  group by c.id
)
insert into vector_index.case_words as w (id, length, weights, lexemes, identifiers)
select g.id, coalesce(l.length, 0), ('{' || coalesce(x.terms, '') || '}/1000000000')::sparsevec, g.lexemes, g.identifiers
from given g left join lengths l using (id) left join weighed x using (id)
on conflict (id) do update set length = excluded.length, weights = excluded.weights,
  lexemes = excluded.lexemes, identifiers = excluded.identifiers

-- lexicon --
-- Words that are common enough for the planner to know them, and in what share of the cases each occurs.
select e.lexeme, e.share
from pg_stats s, unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) as e (lexeme, share)
where s.schemaname = 'vector_index' and s.tablename = 'case_words' and s.attname = 'lexemes' and e.lexeme is not null

-- size --
-- About how many cases there are, as the planner knows it, and how many rows were written since it learned that.
select greatest(c.reltuples, 0)::bigint, coalesce(t.n_mod_since_analyze, 0)
from pg_class c left join pg_stat_user_tables t on t.relid = c.oid
where c.oid = 'vector_index.case_words'::regclass

-- words --
-- A query's words, how often it has each, and where their weights are.
select lexeme, cardinality(positions), mod(abs(hashtext(lexeme)::bigint), 999999937) + 1
from unnest(to_tsvector('english', %(text)s))

-- occurrences --
-- In how many cases words occur that the lexicon does not have: few.
select q.term, (select count(*) from (
  select from vector_index.case_words w where w.lexemes @@ q.term::tsquery limit %(most)s) few)
from unnest(%(terms)s::text[]) as q (term)

-- lexical --
-- Cases with any of the telling words, by BM25 over all words of the query. Where more cases have them than
-- was expected, some of these are weighed: words that nearly every case has tell nothing. The distance is worked out
-- once a case: in one `select` it would be worked out for the order and for the score.
select id, -distance
from (
  select w.id, w.weights <#> %(query)s::sparsevec as distance
  from vector_index.case_words w {joined}
  where w.lexemes @@ %(telling)s::tsquery {conditions}
  limit %(most)s
) c
order by distance, id
limit %(limit)s

-- identified --
-- Cases with any of these identifiers, and which; those with the most first.
select w.id, found.identifiers
from vector_index.case_words w {joined}
cross join lateral (
  select array_agg(i) as identifiers from unnest(w.identifiers) i where i = any (%(identifiers)s)) found
where w.identifiers && %(identifiers)s::text[] {conditions}
order by cardinality(found.identifiers) desc, w.id
limit %(limit)s

-- nearest --
-- The nearest cases of one space.
select v.id, 1 - (v.embedding <=> %(vector)s) from {table} v order by v.embedding <=> %(vector)s limit %(limit)s

-- nearest_filtered --
-- The nearest cases of one space that meet the conditions; the scan goes on until there are enough.
select v.id, 1 - (v.embedding <=> %(vector)s)
from {table} v join vector_index.support_case s on s.id = v.id
where true {conditions}
order by v.embedding <=> %(vector)s limit %(limit)s

-- sample --
-- Some vectors of one space: ids are hashes, so the first ones are as good as any.
select embedding from {table} order by id limit %(size)s

-- space_size --
-- The space of a table, and about how many cases it holds: exactly where they are few.
select s.space, case when c.reltuples > 10000 then c.reltuples::bigint else (select count(*) from {table}) end
from {table} v join vector_index.support_case s using (id), pg_class c
where c.oid = %(name)s::regclass
limit 1

-- shown --
-- What a list shows of its cases.
select id, {columns} from vector_index.support_case where id = any (%(ids)s)

-- texts --
-- The texts in which passages are looked for.
select id, composite from vector_index.support_case where id = any (%(ids)s)
