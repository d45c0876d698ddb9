-- privileges --
-- Whether pgvector is installed or can be, and whether the role may create schemas.
select exists (select from pg_extension where extname = 'vector')
         or exists (select from pg_available_extensions where name = 'vector'),
       has_database_privilege(current_database(), 'CREATE')

-- generations --
-- The last generation that was given out, and the highest that is in use.
select (select last_value from udp.generation),
       greatest(
         (select coalesce(max(generation), 0) from udp.case),
         (select coalesce(max(generation), 0) from recon.data_lineage))
