-- create --
-- Where a look at things is put together; of this session alone.
drop table if exists pg_temp.swept, pg_temp.gap, pg_temp.gap_after, pg_temp.to_read;
create temp table swept (
  object text not null, id text not null, version text not null, is_deleted boolean not null, at timestamptz);
create temp table gap (
  kind text not null, object text not null, record_id text, case_number text, object_id uuid,
  method text, outcome text not null default 'open', is_to_mend boolean not null default true);
create temp table gap_after (like gap including defaults);
create temp table to_read (object_id uuid primary key, record_id text, case_number text, vector_hash text, object_hash text)

-- add_swept --
-- What the source has, in bulk.
copy swept (object, id, version, is_deleted, at) from stdin

-- drop_buried --
-- A row that one read names twice, alive and with a later stamp deleted, is deleted: as `find_buried` in `merging.sql`.
delete from swept s using swept x
where s.object = %(object)s and not s.is_deleted and x.object = s.object and x.id = s.id and x.is_deleted and x.at > s.at

-- rows_at_source --
-- Rows that the first look found to differ from the source.
select distinct record_id from gap where object = %(object)s and kind = any (%(kinds)s) and record_id is not null

-- forget_swept --
-- Rows that the source is asked about again.
delete from swept where object = %(object)s and id = any (%(ids)s)

-- find_unstaged --
-- Rows that the source has and staging has not, or not so.
insert into {gaps} (kind, object, record_id)
select distinct on (s.id)
  case when t.id is null or t.is_deleted then 'not_staged' else 'changed_at_source' end, s.object, s.id
from swept s left join {table} t on t.id = s.id
where s.object = %(object)s and not s.is_deleted
  and (t.id is null or t.is_deleted or not exists (
    select from swept o where o.object = s.object and o.id = s.id
      and case %(kind)s
          when 'row_hash' then o.version = t.row_hash
          when 'source_version' then o.version = t.source_version
          else nullif(o.version, '')::timestamptz is not distinct from t.system_modstamp end))
order by s.id

-- find_gone --
-- Rows that staging has and a complete enumeration of the source has not; `spared` could not be read.
insert into {gaps} (kind, object, record_id, case_number, object_id)
select 'gone_at_source', %(object)s, t.id, l.case_number, l.object_id
from {table} t left join recon.data_lineage l on l.record_id = t.id and %(object)s = 'Case'
where not t.is_deleted and t.id <> all (%(spared)s::text[])
  and not exists (select from swept s where s.object = %(object)s and s.id = t.id and not s.is_deleted)

-- find_undeleted --
-- Cases that staging has no longer and lineage still has.
insert into {gaps} (kind, object, record_id, case_number, object_id)
select 'gone_at_source', 'Case', l.record_id, l.case_number, l.object_id
from recon.data_lineage l left join udp.case c on c.id = l.record_id
where l.status <> 'deleted' and (c.is_deleted or c.id is null)
  and not exists (select from {gaps} g where g.object = 'Case' and g.record_id = l.record_id)

-- find_untracked --
-- Staged cases that lineage does not know, has left half-way (or failed, and no failure says why), or has
-- loaded from older content.
insert into {gaps} (kind, object, record_id, case_number)
select f.kind, 'Case', f.id, f.case_number
from (
  select c.id, c.case_number,
    case when l.record_id is null or l.status = 'deleted' then 'untracked'
         when l.status = 'in_progress' then 'stuck'
         when c.generation <> l.generation or (l.status = 'completed' and c.row_hash is distinct from l.row_hash)
           or (l.tried_recipe is distinct from %(recipe)s and not exists (select from recon.index_build)) then 'outdated'
         when l.status = 'failed' and not exists (
           select from recon.failed_records f
           where f.record_id = c.id and not f.resolved and f.stage <> 'extraction' and f.disposition <> 'skip')
         then 'stuck'
    end as kind
  from udp.case c left join recon.data_lineage l on l.record_id = c.id
  where not c.is_deleted
) f
where f.kind is not null

-- find_in_index --
-- Loaded cases that the index has not, or not so; also those whose last update failed. A case that is outdated
-- anyway is not judged.
insert into {gaps} (kind, object, record_id, case_number, object_id)
select case when m.object_id is null then 'missing'
            when m.space is distinct from l.space then 'wrong_space'
            else 'stale' end,
  'Case', l.record_id, l.case_number, l.object_id
from {lineage} l
left join manifest m on m.object_id = l.object_id
where l.status <> 'deleted' and l.index_state = 'loaded'
  and (m.object_id is null or m.generation > l.generation
    or m.seal is distinct from sha256(convert_to(concat_ws(E'\x1f', l.record_id, l.case_number, l.checksum,
      l.children_checksum, l.text_hash, l.space, l.recipe, l.vector_hash, l.object_hash), 'UTF8')))
  and not exists (select from {gaps} g where g.object = 'Case' and g.record_id = l.record_id)

-- find_quarantined --
-- Objects of cases whose text may hold personal data, wherever they came from.
insert into {gaps} (kind, object, record_id, case_number, object_id)
select 'quarantined', 'Case', l.record_id, l.case_number, m.object_id
from recon.data_lineage l join manifest m on m.case_id = l.record_id
where l.index_state in ('to_remove', 'removed') and l.status = 'failed'
  and (not %(again)s or exists (select from suspect s where s.object_id = m.object_id))
  and exists (
    select from recon.failed_records f
    where f.record_id = l.record_id and not f.resolved and f.error_type = any (%(types)s))

-- find_extra --
-- Objects of no case, or second objects of one. What a case that is not loaded yet, or not even staged, would be
-- stored as is its own.
insert into {gaps} (kind, object, record_id, case_number, object_id)
select case when c.id is not null then 'duplicate' else 'orphan' end, 'Case', c.id, c.case_number, m.object_id
from manifest m
left join recon.data_lineage l on l.object_id = m.object_id and l.status <> 'deleted'
left join lateral (
  select c.id, c.case_number from udp.case c
  where not c.is_deleted and (c.id = m.case_id or c.case_number = m.case_number)
  order by c.id = m.case_id desc limit 1
) c on true
where l.record_id is null
  and (not %(again)s or exists (select from suspect s where s.object_id = m.object_id))
  and not (m.is_canonical and exists (
    select from udp.case o where o.id = m.case_id and o.case_number = m.case_number and not o.is_deleted))
  and not (m.is_canonical and c.id is null and exists (
    select from swept s where s.object = 'Case' and s.id = m.case_id and not s.is_deleted))
  and not exists (select from {gaps} g where g.kind = 'quarantined' and g.object_id = m.object_id)

-- find_debt --
-- Loaded with a vector of a fallback. A build that is under way pays it.
insert into {gaps} (kind, object, record_id, case_number, object_id)
select 'debt', 'Case', l.record_id, l.case_number, l.object_id
from recon.data_lineage l
where l.status = 'completed' and l.space <> %(space)s and not exists (select from recon.index_build)
  and not exists (select from {gaps} g where g.object = 'Case' and g.record_id = l.record_id)

-- add_gaps --
-- What reading back and probing has found.
insert into {gaps} (kind, object, record_id, case_number, object_id)
select * from unnest(%(kinds)s::text[], %(objects)s::text[], %(records)s::text[], %(numbers)s::text[], %(ids)s::uuid[])

-- choose_to_read --
-- Loaded objects whose content is looked at: all, or those loaded since the last look and some of the rest.
insert into to_read
select l.object_id, l.record_id, l.case_number, l.vector_hash, l.object_hash
from recon.data_lineage l left join manifest m on m.object_id = l.object_id
where l.status <> 'deleted' and l.index_state = 'loaded'
  and (m.object_id is not null or exists (
    select from agreed a where a.bucket = get_byte(uuid_send(l.object_id), 0) * 16 + get_byte(uuid_send(l.object_id), 1) / 16))
  and not exists (select from gap g where g.record_id = l.record_id and g.kind <> 'debt')
  and (%(shards)s::int is null
    or mod(hashtextextended(l.record_id, 0) & 9223372036854775807, %(shards)s::int) = %(shard)s::int)
  and (%(all)s or l.weaviate_timestamp >= %(since)s or l.record_id in (
    select r.record_id from recon.data_lineage r where r.status <> 'deleted' and r.index_state = 'loaded'
    order by hashtextextended(r.record_id, %(seed)s) limit %(sample)s))
on conflict do nothing

-- choose_repaired --
-- Objects that were loaded again, and those of failed cases that were written again, are looked at again.
insert into to_read
select l.object_id, l.record_id, l.case_number, l.vector_hash, l.object_hash
from recon.data_lineage l
where l.object_id is not null and exists (select from gap g where g.record_id = l.record_id)
  and ((l.status = 'completed' and l.run_id = %(run_id)s) or (l.status = 'failed' and l.index_state = 'loaded'))
on conflict do nothing

-- page_to_read --
-- The next of them, in the order of the ids.
select object_id, record_id, case_number, vector_hash, object_hash from to_read
where object_id > %(after)s order by object_id limit %(limit)s

-- drop_others --
-- Gaps of cases of another part; what belongs to no case goes by its own id.
delete from {gaps}
where mod(hashtextextended(coalesce(record_id, case_number, object_id::text, ''), 0) & 9223372036854775807,
          %(shards)s::int) <> %(shard)s::int

-- clear --
-- Before the last look.
truncate to_read, gap_after

-- carry_over --
-- What the last look is the first to find of a kind goes to what was found before; it alone is to be mended now.
with worked as (
  update gap set is_to_mend = false
)
insert into gap (kind, object, record_id, case_number, object_id)
select a.kind, a.object, a.record_id, a.case_number, a.object_id from gap_after a
where a.kind = %(kind)s
  and not exists (select from gap g where g.kind = a.kind and g.object_id = a.object_id)

-- object_ids --
-- Index objects that gaps of these kinds are about, a page at a time.
select distinct object_id from {gaps}
where kind = any (%(kinds)s) and object_id > %(after)s order by object_id limit %(limit)s

-- unreached --
-- Objects that no vector search finds; `was_repaired`: only those that a repair of this run has not helped.
select distinct a.object_id from gap_after a
where a.kind = %(kind)s and a.object_id > %(after)s
  and (not %(was_repaired)s or exists (
    select from gap g where g.kind = a.kind and g.object_id = a.object_id))
order by a.object_id limit %(limit)s

-- owned_objects --
-- The same with the case that each says it belongs to, as it was listed.
select distinct g.object_id, coalesce(m.case_id, '') from {gaps} g join manifest m using (object_id)
where g.kind = any (%(kinds)s) and g.object_id > %(after)s order by g.object_id limit %(limit)s

-- source_objects --
-- Which source objects gaps of these kinds are about.
select distinct object from gap where kind = any (%(kinds)s)

-- own_object_ids --
-- Where cases that are worked on now have or should have their objects, a page at a time.
select distinct l.object_id from recon.data_lineage l
where l.object_id > %(after)s
  and (l.run_id = %(run_id)s or exists (select from gap g where g.record_id = l.record_id))
order by l.object_id limit %(limit)s

-- drop_kinds --
-- Forget what is about to be looked at a second time. A gap that names no object cannot be, and stays.
delete from {gaps} where kind = any (%(kinds)s) and object_id is not null

-- tally --
-- How many gaps of each kind.
select kind, count(*) from {gaps} group by kind order by kind

-- open_besides --
-- Open failures that wait for a retry or a person, of cases that are no gap as well, by type; counted as in
-- `failures.sql`.
select f.error_type, sum(coalesce((f.payload ->> 'rows')::bigint, 1))::bigint as n
from recon.failed_records f
where not f.resolved and f.disposition <> 'skip'
  and not exists (select from gap g where g.record_id = f.record_id)
  and not exists (
    select from recon.failed_records o
    where o.record_id = f.record_id and not o.resolved
      and (o.disposition = 'skip', o.stage) < (f.disposition = 'skip', f.stage))
group by f.error_type order by n desc, f.error_type

-- swept_count --
-- Rows of an object that the source has.
select count(distinct id) from swept where object = %(object)s and not is_deleted

-- events --
-- The audit trail of a case tells what was found about it.
insert into recon.lineage_events (record_id, run_id, stage, event, at, detail)
select l.record_id, %(run_id)s, l.current_stage, 'gap', %(now)s, g.kind
from gap g join recon.data_lineage l on l.record_id = g.record_id
where g.object = 'Case' and g.outcome <> 'withheld' and g.kind <> 'duplicate' and g.is_to_mend
order by l.record_id

-- open_repairs --
-- Loaded, and not as it should be: the case is not loaded any more, as far as anybody knows.
update recon.data_lineage l
set status = 'in_progress', current_stage = 'extracted', index_state = 'doubtful', updated_at = now()
from gap g
where g.kind = any (%(kinds)s) and g.is_to_mend and l.record_id = g.record_id
  and not (g.kind = 'unsearchable' and l.status = 'failed' and l.index_state = 'loaded')

-- served_of_failed --
-- Objects of failed cases that no search finds. Nothing newer can be loaded in their place; they were read back, and
-- are what was loaded.
select distinct g.object_id from gap g join recon.data_lineage l on l.record_id = g.record_id
where g.kind = 'unsearchable' and g.is_to_mend and l.status = 'failed' and l.index_state = 'loaded'
  and g.object_id > %(after)s
order by g.object_id limit %(limit)s

-- doubt_altered --
-- What was loaded from altered rows may hold the altered text, though the hashes that were kept say otherwise.
update recon.data_lineage l
set status = 'in_progress', current_stage = 'extracted', index_state = 'doubtful', updated_at = now()
from {table} t left join udp.workorder w on w.id = t.parent_id
where t.id = any (%(ids)s) and l.record_id in (t.id, t.parent_id, w.parent_id) and l.status = 'completed'

-- resume --
-- Cases that nothing else brings back: failed and no failure says so, or of other content than is staged.
update recon.data_lineage l
set status = 'in_progress', updated_at = now()
from gap g
where l.record_id = g.record_id and g.is_to_mend
  and ((g.kind = 'stuck' and l.status = 'failed') or g.kind = 'outdated')

-- adopt --
-- Cases that lineage lost or left half-way, or whose object it does not name, and that the index has an object
-- of: it is not to be trusted.
insert into recon.data_lineage as l (
  record_id, case_number, source_system, current_stage, status, index_state, object_id)
select g.record_id, g.case_number, %(source)s, 'extracted', 'in_progress', 'doubtful', m.object_id
from gap g
left join recon.data_lineage own on own.record_id = g.record_id
join manifest m on m.case_id = g.record_id and (m.object_id = own.object_id
  or (own.object_id is null and m.is_canonical and m.case_number = g.case_number))
where g.kind in ('untracked', 'stuck', 'missing') and g.is_to_mend
on conflict (record_id) do update
set object_id = excluded.object_id, status = 'in_progress', index_state = 'doubtful'

-- adopt_failed --
-- A case that failed, and that the index has an object of, though lineage forgot: it is not to be trusted.
update recon.data_lineage l set object_id = m.object_id, index_state = 'doubtful'
from manifest m
where m.is_canonical and l.record_id = m.case_id and l.case_number = m.case_number
  and l.object_id is null and l.status = 'failed'
  and not exists (select from gap g where g.kind = 'quarantined' and g.record_id = l.record_id)

-- open_debt --
-- The old vector serves until it is replaced.
update recon.data_lineage l set status = 'in_progress', updated_at = now()
from gap g where g.kind = 'debt' and l.record_id = g.record_id

-- withhold --
-- These wait for a person's word.
update gap set outcome = 'withheld' where kind = %(kind)s and object = %(object)s

-- settle --
-- What became of each gap, by what is true now.
update gap g
set method = f.method, outcome = case when f.is_closed then 'recovered' else 'open' end
from (
  select g.ctid as row,
    case
      when g.kind = 'missing' and e.detail = 'embedded' then 're_embedded'
      else m.method
    end as method,
    case
      when exists (
        select from gap_after a
        where a.kind = g.kind and a.object = g.object
          and (a.record_id, a.object_id) is not distinct from (g.record_id, g.object_id)) then false
      when g.kind in ('orphan', 'duplicate', 'quarantined') then not exists (
        select from manifest x where x.object_id = g.object_id)
      when g.kind = 'gone_at_source' then g.object <> 'Case' or not exists (
        select from recon.data_lineage l where l.record_id = g.record_id and l.status <> 'deleted')
      when g.kind in ('not_staged', 'changed_at_source', 'altered') and g.object <> 'Case' then true
      when g.kind = 'debt' then exists (
        select from recon.data_lineage l
        where l.record_id = g.record_id and l.status = 'completed' and l.space = %(space)s)
      else exists (
        select from recon.data_lineage l where l.record_id = g.record_id and (l.status = 'completed'
          or (g.kind = 'unsearchable' and l.status = 'failed' and l.index_state = 'loaded')))
        and not exists (select from gap_after a where a.object = 'Case' and a.record_id = g.record_id
                        and a.kind not in ('duplicate', 'debt'))
    end as is_closed
  from gap g
  join unnest(%(kinds)s::text[], %(methods)s::text[]) as m (kind, method) on m.kind = g.kind
  left join lateral (
    select e.detail from recon.lineage_events e
    where e.record_id = g.record_id and e.run_id = %(run_id)s and e.stage = 'embedding_generated'
      and e.event = 'exited' and g.kind = 'missing'
    order by e.event_id desc limit 1
  ) e on true
  where g.outcome = 'open'
) f
where g.ctid = f.row

-- gone_cases --
-- What the guard against mass vanishing decides on.
select count(*) from gap where kind = 'gone_at_source' and object = 'Case'

-- outcomes --
-- The gaps by kind, method and what became of them.
select kind, coalesce(method, ''), outcome, count(*) from gap group by kind, method, outcome

-- keep --
-- The gaps of a run, for its report and for whoever looks into one of them.
insert into recon.gaps (run_id, kind, object, record_id, case_number, object_id, method, outcome)
select %(run_id)s, kind, object, record_id, case_number, object_id,
       case when outcome = 'recovered' then method end, outcome
from gap

-- recovered_failures --
-- How the failures that this run closed were closed; cases that were gaps as well are counted as those, but
-- not the children that waited for one.
select f.recovery_method, count(*) from recon.failed_records f
where f.resolved and f.resolution_time >= %(since)s and f.recovery_method <> 'superseded'
  and (f.error_type = 'MissingChildData' or not exists (select from gap g where g.record_id = f.record_id))
group by f.recovery_method

-- left --
-- The gaps of a run that it could not close.
select kind, record_id, case_number, object_id, outcome from recon.gaps
where run_id = %(run_id)s and outcome <> 'recovered' order by kind, record_id

-- kept --
-- Which gaps a run found.
select kind, object, record_id, case_number, object_id, method, outcome from recon.gaps
where run_id = %(run_id)s order by kind, record_id limit %(limit)s
