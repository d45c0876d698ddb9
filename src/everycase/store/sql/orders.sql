-- place --
-- A new order; the same key of the same caller is the same order.
insert into recon.orders (order_id, kind, parameters, ordered_by, idempotency_key, state)
values (%(order_id)s, %(kind)s, %(parameters)s, %(by)s, %(key)s, %(state)s)
on conflict (ordered_by, idempotency_key) where idempotency_key is not null do nothing
returning order_id

-- by_key --
-- The order that was placed with this key.
select order_id, kind, parameters from recon.orders where ordered_by = %(by)s and idempotency_key = %(key)s

-- snapshot --
-- The failures that the order is about: those that the filter shows now, and no others later.
insert into recon.order_failures (order_id, failure_id)
select %(order_id)s, failure_id from recon.failed_records
where not resolved and disposition <> 'skip'
  and (%(stage)s::text is null or stage = %(stage)s)
  and (%(type)s::text is null or error_type = %(type)s)
  and (%(disposition)s::text is null or disposition = %(disposition)s)
  and (%(case)s::text is null or record_id = any (%(records)s) or case_number = %(case)s)
  and (%(failures)s::uuid[] is null or failure_id = any (%(failures)s))

-- count_matching --
-- How many open failures a filter shows, how many cases they are of, and how much text would be embedded again.
select count(*) as failures, count(distinct f.record_id) as cases,
       coalesce(sum(s.composite_text_length) filter (where f.stage in ('embedding_generation', 'weaviate_load')), 0) as characters
from recon.failed_records f
left join lateral (
  select composite_text_length from recon.multi_table_join_stats j
  where j.case_id = f.record_id order by execution_timestamp desc limit 1) s on true
where not f.resolved and f.disposition <> 'skip'
  and (%(stage)s::text is null or f.stage = %(stage)s)
  and (%(type)s::text is null or f.error_type = %(type)s)
  and (%(disposition)s::text is null or f.disposition = %(disposition)s)
  and (%(case)s::text is null or f.record_id = any (%(records)s) or f.case_number = %(case)s)
  and (%(failures)s::uuid[] is null or f.failure_id = any (%(failures)s))

-- count_failures --
-- The same count without the text: it reads no join.
select count(*) from recon.failed_records
where not resolved and disposition <> 'skip'
  and (%(stage)s::text is null or stage = %(stage)s)
  and (%(type)s::text is null or error_type = %(type)s)
  and (%(disposition)s::text is null or disposition = %(disposition)s)
  and (%(case)s::text is null or record_id = any (%(records)s) or case_number = %(case)s)
  and (%(failures)s::uuid[] is null or failure_id = any (%(failures)s))

-- count_of_order --
-- What `count_matching` says, of the failures that an order is about, as they are now.
select count(*) as failures, count(distinct f.record_id) as cases,
       coalesce(sum(s.composite_text_length) filter (where f.stage in ('embedding_generation', 'weaviate_load')), 0) as characters
from recon.order_failures o join recon.failed_records f using (failure_id)
left join lateral (
  select composite_text_length from recon.multi_table_join_stats j
  where j.case_id = f.record_id order by execution_timestamp desc limit 1) s on true
where o.order_id = %(order_id)s and not f.resolved

-- confirm --
-- A proposal becomes an order.
update recon.orders set state = 'queued', ordered_at = clock_timestamp()
where order_id = %(order_id)s and ordered_by = %(by)s and state = 'proposed' returning order_id

-- next --
-- The oldest order that waits, or whose process has died: whoever can take its lock has it.
select order_id from recon.orders
where state in ('queued', 'running') and order_id <> all (%(passed)s::uuid[]) order by ordered_at, order_id limit 1

-- open_states --
-- Orders that wait or run.
select order_id, state from recon.orders where state in ('queued', 'running')

-- start --
-- The order is ours.
update recon.orders
set state = 'running', attempts = attempts + 1, started_at = coalesce(started_at, clock_timestamp()), run_id = %(run_id)s
where order_id = %(order_id)s and state in ('queued', 'running')
returning attempts

-- requeue --
-- Another run is at work: the order waits for its end.
update recon.orders set state = 'queued', attempts = attempts - 1, run_id = null
where order_id = %(order_id)s and state = 'running'

-- finish --
-- What became of it.
update recon.orders
set state = %(state)s, ended_at = clock_timestamp(), message = %(message)s, result = %(result)s
where order_id = %(order_id)s and state = 'running'

-- cancel_queued --
-- An order that has not begun is simply not carried out.
update recon.orders set state = 'cancelled', ended_at = clock_timestamp(), message = 'cancelled before it began'
where order_id = %(order_id)s and state = 'queued' returning order_id

-- orders --
-- Orders, newest first, page by page; or one.
select o.order_id, o.kind, o.parameters, o.ordered_by, o.ordered_at, o.state, o.attempts, o.run_id, o.started_at,
       o.ended_at, o.message, o.result,
       (select count(*) from recon.order_failures f where f.order_id = o.order_id) as failures
from recon.orders o
where case when %(order_id)s::uuid is null then o.state <> 'proposed' else o.order_id = %(order_id)s end
  and (%(before)s::timestamptz is null or (o.ordered_at, o.order_id) < (%(before)s, %(before_id)s::uuid))
order by o.ordered_at desc, o.order_id desc limit %(limit)s

-- failure_ids --
-- The failures that an order is about.
select failure_id from recon.order_failures where order_id = %(order_id)s

-- skip --
-- A person's word: these are left alone until their cases change.
update recon.failed_records f set disposition = 'skip', next_retry_time = null
from recon.order_failures o
where o.order_id = %(order_id)s and o.failure_id = f.failure_id and not f.resolved and f.disposition <> 'skip'
returning f.failure_id

-- prune --
-- Orders that ended long ago, and the progress of runs that did.
with gone as (delete from recon.run_progress where coalesce(ended_at, updated_at) < %(before)s)
delete from recon.orders
where ended_at < %(before)s or (state = 'proposed' and ordered_at < clock_timestamp() - interval '1 day')
