-- families --
-- Whether shards of another kind of work, or of another number, are at work.
select exists (
  select from pg_locks l, unnest(%(names)s::text[]) as n (name),
    lateral (select hashtextextended(n.name, 0) as key) k
  where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.database = (select oid from pg_database where datname = current_database())
    and l.classid::bigint = (k.key >> 32) & 4294967295 and l.objid::bigint = k.key & 4294967295)

-- is_done --
-- Whether this part of the round is done already. A round is named by the run that read the source for it.
select exists (
  select from recon.life f, (
    select status, report from recon.sync_runs where %(work)s = 'sync'
    union all select status, report from recon.reconciliation_runs where %(work)s = 'deep') r
  where r.status = 'completed' and r.report ->> 'shard' = %(shard)s and r.report ->> 'round' = f.token::text)

-- round --
-- The run that the others of this round follow.
select token from recon.life

-- left_behind --
-- Runs that had begun cases of this part and did not end them: their workers may still be alive.
select distinct run_id from recon.data_lineage
where status = 'in_progress' and run_id is not null
  and mod(hashtextextended(record_id, 0) & 9223372036854775807, %(shards)s) = %(shard)s

-- completed --
-- Completed cases of this part.
select count(*) from recon.data_lineage l
where l.status = 'completed' and mod(hashtextextended(l.record_id, 0) & 9223372036854775807, %(shards)s) = %(shard)s
