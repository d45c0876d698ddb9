-- hold --
-- The objects of a batch, each by its own lock, all in one order; let go at the end of the transaction.
select pg_advisory_xact_lock(o.key)
from (
  select distinct hashtextextended('everycase.object ' || id, 0) as key
  from unnest(%(ids)s::uuid[]) as i (id)
  order by key
) o
