-- A kept vector that was altered in place may still have the length 1, so each one gets a digest. Vectors that were
-- kept before have none; only their length is checked.
alter table recon.embedding_cache add column digest bytea;
