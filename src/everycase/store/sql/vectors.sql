-- cached --
-- The vectors we have of these texts.
select text_hash, vector, digest is null or digest = sha256(vector) as is_as_kept from recon.embedding_cache
where text_hash = any (%(hashes)s) and space = %(space)s

-- forget --
-- Remove vectors that were altered since they were kept.
delete from recon.embedding_cache where text_hash = any (%(hashes)s) and space = %(space)s

-- keep --
-- What was embedded is kept before it is used, so that nothing is paid for twice.
insert into recon.embedding_cache (text_hash, space, vector, digest)
select text_hash, space, vector, sha256(vector)
from unnest(%(hashes)s::text[], %(spaces)s::text[], %(vectors)s::bytea[]) as b (text_hash, space, vector)
on conflict do nothing

-- size --
-- How many are kept, and what they take on disk.
select count(*), pg_total_relation_size('recon.embedding_cache') from recon.embedding_cache

-- prune --
-- Kept before then, and of no case: neither is one loaded with it, nor has one failed that waits for it.
delete from recon.embedding_cache c
where c.created_at < %(before)s
  and not exists (
    select from recon.data_lineage l
    where l.text_hash = c.text_hash and l.space = c.space and l.status <> 'deleted')
  and not exists (
    select from recon.failed_records f
    where not f.resolved and f.payload ->> 'text_hash' = c.text_hash)
