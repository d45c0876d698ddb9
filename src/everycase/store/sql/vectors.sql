-- cached --
-- The vectors we have of these texts.
select text_hash, vector from recon.embedding_cache
where text_hash = any (%(hashes)s) and space = %(space)s

-- forget --
-- What is not what was kept.
delete from recon.embedding_cache where text_hash = any (%(hashes)s) and space = %(space)s

-- keep --
-- What was embedded is kept before it is used, so that nothing is paid for twice.
insert into recon.embedding_cache (text_hash, space, vector)
select * from unnest(%(hashes)s::text[], %(spaces)s::text[], %(vectors)s::bytea[])
on conflict do nothing
