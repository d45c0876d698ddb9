-- state --
-- What this database says of itself: who wrote last, where, and whether its two schemas agree.
select l.token, l.previous, coalesce(l.server, '') as server, coalesce(l.doubt, '') as doubt,
  (select token from udp.life) as staged,
  (select oid::text from pg_database where datname = current_database()) as database,
  exists (select from recon.data_lineage where index_state = 'loaded') as has_loaded
from (select) one left join recon.life l on true

-- behind --
-- Staged cases that are older than what lineage has seen of them.
select count(*) from recon.data_lineage t join udp.case c on c.id = t.record_id where c.generation < t.generation

-- level --
-- They get a new number: theirs would fence out their writes.
update udp.case c set generation = nextval('udp.generation')
from recon.data_lineage l
where l.record_id = c.id and l.generation > c.generation

-- server --
-- Which server, and which of its lives: a restore to a point in time and a failover raise the time line.
select s.system_identifier || '/' || c.timeline_id from pg_control_system() s, pg_control_checkpoint() c

-- restore_rows --
-- The two rows are always there, also after a restore of single tables.
with recon_row as (insert into recon.life default values on conflict do nothing)
insert into udp.life default values on conflict do nothing

-- renew --
-- This run writes from now on.
with staged as (update udp.life set token = %(token)s)
update recon.life set previous = token, token = %(token)s, server = %(server)s

-- doubt --
-- The index is to be compared object by object by the next reconciliation, of whatever type.
update recon.life set doubt = %(doubt)s, doubted_since = coalesce(doubted_since, clock_timestamp())

-- doubted --
-- Why.
select doubt from recon.life

-- believe --
-- A reconciliation has compared it.
update recon.life set doubt = '', doubted_since = null

-- lift --
-- The counter is never behind what it has given out before (a restore brings sequences back, or none).
select setval('udp.generation', h.highest)
from (
  select greatest((select max(generation) from udp.case), (select max(generation) from recon.data_lineage)) as highest
) h
where h.highest > coalesce(pg_sequence_last_value('udp.generation'), 0)

-- begin_epoch --
-- Numbers from here on are above all that an earlier life of this database can have given out.
select setval('udp.generation', greatest(
  %(floor)s, coalesce(pg_sequence_last_value('udp.generation'), 0), coalesce(%(highest)s, 0)))

-- lift_keys --
-- The same for the numbers of rows, which would be given out twice.
select setval(s.sequence, s.highest)
from (
  select pg_get_serial_sequence('recon.lineage_events', 'event_id')::regclass as sequence,
    (select max(event_id) from recon.lineage_events) as highest
  union all select pg_get_serial_sequence('recon.provider_events', 'event_id')::regclass,
    (select max(event_id) from recon.provider_events)
  union all select pg_get_serial_sequence('recon.reads', 'read_id')::regclass,
    (select max(read_id) from recon.reads)
) s
where s.highest > coalesce(pg_sequence_last_value(s.sequence), 0)

-- newest --
-- What was loaded last, as the index should have it.
select object_id, record_id as case_id, case_number, checksum, children_checksum, text_hash, space, recipe,
  vector_hash, object_hash, generation, weaviate_timestamp as loaded_at
from recon.data_lineage
where index_state = 'loaded' and status <> 'deleted' and object_id is not null and case_number is not null
order by weaviate_timestamp desc nulls last, record_id desc limit %(limit)s

-- future --
-- Times that have not come yet, by what they hold up. A clock was ahead when they were written.
select what, n from (
  select 'starts of scheduled jobs' as what, count(*) as n from recon.schedule
    where greatest(last_start, last_end) > clock_timestamp() + %(tolerance)s
  union all select 'starts of runs', (
    select count(*) from recon.reconciliation_runs where start_time > clock_timestamp() + %(tolerance)s)
    + (select count(*) from recon.sync_runs where start_time > clock_timestamp() + %(tolerance)s)
  union all select 'times of the next try of a failure', count(*) from recon.failed_records
    where not resolved and next_retry_time > clock_timestamp() + %(longest_wait)s
  union all select 'times of alerts', count(*) from recon.alert_state
    where sent_at > clock_timestamp() + %(tolerance)s
  union all select 'pauses of embedding providers', count(*) from recon.provider_state
    where updated_at > clock_timestamp() + %(tolerance)s
) f
where n > 0

-- bound_schedule --
-- They count as now.
update recon.schedule
set last_start = least(last_start, clock_timestamp()), last_end = least(last_end, clock_timestamp())
where greatest(last_start, last_end) > clock_timestamp() + %(tolerance)s

-- bound_reconciliations --
-- They count as now.
update recon.reconciliation_runs set start_time = clock_timestamp()
where start_time > clock_timestamp() + %(tolerance)s

-- bound_syncs --
-- They count as now.
update recon.sync_runs set start_time = clock_timestamp() where start_time > clock_timestamp() + %(tolerance)s

-- bound_failures --
-- A try that is further away than any wait is due now.
update recon.failed_records set next_retry_time = clock_timestamp()
where not resolved and next_retry_time > clock_timestamp() + %(longest_wait)s

-- bound_alerts --
-- They count as now.
update recon.alert_state set sent_at = clock_timestamp(), started_at = least(started_at, clock_timestamp())
where sent_at > clock_timestamp() + %(tolerance)s

-- bound_providers --
-- Pauses and places in the queue last as long as they were meant to from now on.
update recon.provider_state p
set updated_at = clock_timestamp(), requests_at = requests_at - f.ahead, tokens_at = tokens_at - f.ahead,
    held_until = held_until - f.ahead, open_until = open_until - f.ahead, probe_until = probe_until - f.ahead
from (select provider, updated_at - clock_timestamp() as ahead from recon.provider_state) f
where f.provider = p.provider and f.ahead > %(tolerance)s
