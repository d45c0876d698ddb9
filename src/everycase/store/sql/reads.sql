-- add --
-- The balance of each read of a run.
insert into recon.reads (run_id, purpose, object, "window", announced, read, counted, whole, problem, at)
select %(run_id)s, b.*, now()
from unnest(%(purposes)s::text[], %(objects)s::text[], %(windows)s::text[], %(announced)s::bigint[],
  %(read)s::bigint[], %(counted)s::bigint[], %(whole)s::boolean[], %(problems)s::text[]) as b

-- prune --
-- They are kept as long as the runs.
delete from recon.reads where at < %(before)s

-- bound_to --
-- Which source this database holds.
select identity from recon.source_binding

-- bind --
-- From now on it is this one.
insert into recon.source_binding (identity, bound_at) values (%(identity)s, now())
on conflict (is_only_row) do update set identity = excluded.identity, bound_at = excluded.bound_at
