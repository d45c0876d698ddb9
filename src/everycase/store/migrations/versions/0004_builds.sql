-- Blue/green: the index is built anew beside the one that is served (contract section 8).

-- The build that is under way: one at most.
create table recon.index_build (
  is_only boolean primary key default true check (is_only),
  collection text not null,
  started_at timestamptz not null default now()
);

-- What a sync would do with every staged case, in one place for plan and sync alike. While a build is under way,
-- cases of another recipe are left as they are served: the build makes them anew.
--   create: never loaded · update: changed, made by another recipe, left unfinished, or due for another try
--   waiting: failed, and its time has not come · unchanged
create or replace function recon.decisions(in_recipe text, in_now timestamptz)
returns table (id text, case_number text, source_timestamp timestamptz, staged_at timestamptz, decision text)
language sql stable as $$
  select c.id, c.case_number, coalesce(c.system_modstamp, c.last_modified_date), c.staged_at,
    case
      when l.record_id is null or l.status in ('deleted', 'in_progress') or c.generation > l.generation
        or (l.tried_recipe is distinct from in_recipe and not exists (select from recon.index_build))
        or (l.status = 'failed' and exists (
          select from recon.failed_records f
          where f.record_id = c.id and not f.resolved and f.disposition = 'retry'
            and f.next_retry_time <= in_now))
      then case when l.weaviate_timestamp is null then 'create' else 'update' end
      when l.status = 'failed' then 'waiting'
      else 'unchanged'
    end
  from udp.case c left join recon.data_lineage l on l.record_id = c.id
  where not c.is_deleted
$$;
