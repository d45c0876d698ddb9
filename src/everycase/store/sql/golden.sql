-- add --
-- A query may have several cases; the same pair again changes nothing.
insert into recon.golden_queries (query, case_number) values (%(query)s, %(case_number)s) on conflict do nothing

-- remove --
-- One pair, or with no case all of a query.
delete from recon.golden_queries
where query = %(query)s and (%(case_number)s::text is null or case_number = %(case_number)s)

-- all --
-- In the order in which they were added.
select query, case_number from recon.golden_queries order by added_at, query, case_number
