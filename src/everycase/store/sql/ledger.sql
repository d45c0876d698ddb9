-- book --
-- What a batch has cost, added to its run; with the batch, so that a killed run has its books.
insert into recon.embedding_ledger as l (
  run_id, provider, at, texts, embedded, reused, calls, tokens, timeouts, seconds, cost)
select %(run_id)s, b.provider, clock_timestamp(), b.texts, b.embedded, b.reused, b.calls, b.tokens, b.timeouts,
       b.seconds, b.cost
from unnest(
  %(providers)s::text[], %(texts)s::bigint[], %(embedded)s::bigint[], %(reused)s::bigint[], %(calls)s::bigint[],
  %(tokens)s::bigint[], %(timeouts)s::bigint[], %(seconds)s::float[], %(costs)s::float[])
  as b (provider, texts, embedded, reused, calls, tokens, timeouts, seconds, cost)
order by b.provider
on conflict (run_id, provider) do update
set texts = l.texts + excluded.texts, embedded = l.embedded + excluded.embedded,
    reused = l.reused + excluded.reused, calls = l.calls + excluded.calls, tokens = l.tokens + excluded.tokens,
    timeouts = l.timeouts + excluded.timeouts, seconds = l.seconds + excluded.seconds, cost = l.cost + excluded.cost

-- spent --
-- By provider, since then.
select provider, sum(calls)::bigint as calls, sum(tokens)::bigint as tokens, sum(embedded)::bigint as embedded,
       sum(reused)::bigint as reused, sum(timeouts)::bigint as timeouts, sum(cost)::float as cost
from recon.embedding_ledger where at >= %(since)s group by provider order by provider
