-- thin --
-- Of each case of this page stay: the tries of its first load, of its last load and the last try of all, with
-- everything up to the next try; why and when it was deleted, and when its object was taken out. A try ends with
-- its last event, and goes as a whole.
with page as (
  select record_id from recon.data_lineage where record_id > %(after)s order by record_id limit %(limit)s
), numbered as (
  select e.event_id, e.record_id, e.stage, e.event, e.at, e.detail,
    count(*) filter (where e.event = 'entered' and e.stage = 'extracted')
      over (partition by e.record_id order by e.event_id) as try
  from recon.lineage_events e join page using (record_id)
), tries as (
  select record_id, try, max(at) as ended, bool_or(event = 'exited' and stage = 'weaviate_loaded') as is_load
  from numbered group by record_id, try
), stay as (
  select record_id, min(try) filter (where is_load) as first_load, max(try) filter (where is_load) as last_load,
    max(try) as last
  from tries group by record_id
), thinned as (
  delete from recon.lineage_events e
  using numbered n join tries t using (record_id, try) join stay s using (record_id)
  where e.event_id = n.event_id and t.ended < %(before)s and t.try < s.last
    and t.try is distinct from s.first_load and t.try is distinct from s.last_load
    and n.event not in ('deleted', 'removed')
    and not (n.event = 'gap' and coalesce(n.detail, '') like 'gone_at_source%%')
  returning 1
)
select (select max(record_id) from page), (select count(*) from thinned)
