-- A kept vector that was altered in place is still of the right length. Its digest tells; vectors that were kept
-- before have none, and only their length is checked.
alter table recon.embedding_cache add column digest bytea;
