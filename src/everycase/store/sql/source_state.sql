-- get --
-- What was kept under a key.
select value from recon.source_state where key = %(key)s

-- put --
-- Keep it, in place of what was there.
insert into recon.source_state (key, value, updated_at) values (%(key)s, %(value)s::jsonb, now())
on conflict (key) do update set value = excluded.value, updated_at = excluded.updated_at

-- delete --
-- It is over.
delete from recon.source_state where key = %(key)s
