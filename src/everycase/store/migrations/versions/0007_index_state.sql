-- What the index holds of a case is a column with names (docs/states.md), no longer derived from two others.
alter table recon.data_lineage add column index_state text not null default 'never'
  check (index_state in ('never', 'loaded', 'doubtful', 'to_remove', 'removed'));
update recon.data_lineage l set index_state = case
  when status = 'deleted' then 'removed'
  when object_id is null then 'never'
  when exists (
    select from recon.failed_records f
    where f.record_id = l.record_id and not f.resolved and f.error_type = 'PIIResidual') then 'to_remove'
  when weaviate_timestamp is null then 'doubtful'
  else 'loaded' end;
create index data_lineage_to_remove on recon.data_lineage (record_id) where index_state = 'to_remove';

alter table recon.lineage_events drop constraint lineage_events_event_check;
alter table recon.lineage_events add constraint lineage_events_event_check
  check (event in ('entered', 'exited', 'failed', 'deleted', 'gap', 'removed'));

-- What a case was made of when it failed: other content has a budget of tries of its own.
alter table recon.failed_records add column content text;

-- A child that waits for its parent is brought by no clock.
update recon.failed_records set next_retry_time = null where error_type = 'MissingChildData' and not resolved;

-- Equality is all that a case number is asked by; a tree refuses long ones, and with them a whole batch.
drop index if exists udp.case_case_number_idx;
create index case_number_equal on udp.case using hash (case_number);
drop index if exists recon.data_lineage_case_number_idx;
create index data_lineage_number_equal on recon.data_lineage using hash (case_number);

-- What a sync would do with every staged case, in one place for plan and sync alike. What is due is decided by
-- content; a generation that differs in either direction says that somebody should look. While a build is under
-- way, cases of another recipe are left as they are served: the build makes them anew.
--   create: never loaded · update: changed, made by another recipe, left unfinished, or due for another try
--   waiting: failed, and its time has not come · unchanged
create or replace function recon.decisions(in_recipe text, in_now timestamptz)
returns table (id text, case_number text, source_timestamp timestamptz, staged_at timestamptz, decision text)
language sql stable as $$
  select c.id, c.case_number, coalesce(c.system_modstamp, c.last_modified_date), c.staged_at,
    case
      when l.record_id is null or l.status in ('deleted', 'in_progress') or c.generation <> l.generation
        or (l.status = 'completed' and c.row_hash is distinct from l.row_hash)
        or (l.tried_recipe is distinct from in_recipe and not exists (select from recon.index_build))
        or (l.status = 'failed' and exists (
          select from recon.failed_records f
          where f.record_id = c.id and not f.resolved and f.disposition = 'retry'
            and f.next_retry_time <= in_now))
      then case when coalesce(l.index_state, 'never') in ('never', 'removed') then 'create' else 'update' end
      when l.status = 'failed' then 'waiting'
      else 'unchanged'
    end
  from udp.case c left join recon.data_lineage l on l.record_id = c.id
  where not c.is_deleted
$$;
