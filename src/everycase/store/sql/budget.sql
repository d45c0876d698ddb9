-- state --
-- What everybody knows of a provider, and the one clock; locked, so that whoever comes next sees what we decide.
select requests_at, tokens_at, held_until, failures, calls, timeouts, openings, open_until, probe_until, trouble,
       clock_timestamp() as now
from recon.provider_state where provider = %(provider)s
for update

-- peek --
-- The same without waiting for anybody.
select requests_at, tokens_at, held_until, failures, calls, timeouts, openings, open_until, probe_until, trouble,
       clock_timestamp() as now
from recon.provider_state where provider = %(provider)s

-- meet --
-- A provider that nobody has asked yet.
insert into recon.provider_state (provider) values (%(provider)s) on conflict do nothing

-- write --
-- What was decided.
update recon.provider_state
set requests_at = %(requests_at)s, tokens_at = %(tokens_at)s, held_until = %(held_until)s, failures = %(failures)s,
    calls = %(calls)s, timeouts = %(timeouts)s, openings = %(openings)s, open_until = %(open_until)s,
    probe_until = %(probe_until)s, trouble = %(trouble)s, updated_at = clock_timestamp()
where provider = %(provider)s

-- add_event --
-- A breaker has opened or closed.
insert into recon.provider_events (provider, event, trouble, at)
values (%(provider)s, %(event)s, %(trouble)s, clock_timestamp())

-- events --
-- What the breakers did since then, in order.
select provider, event, trouble, at from recon.provider_events where at >= %(since)s order by event_id

-- prune_events --
-- Transitions are kept as long as runs are.
delete from recon.provider_events where at < %(before)s
