-- standing --
-- Which alerts stand on each channel, and what was last sent of each.
select channel, rule, value, started_at, sent_at, sent_value from recon.alert_state order by channel, rule

-- keep_channels --
-- Channels that are no more are forgotten. What stood before channels were told apart stands on every channel.
with adopted as (
  insert into recon.alert_state (channel, rule, value, started_at, sent_at, sent_value)
  select c.channel, a.rule, a.value, a.started_at, a.sent_at, a.sent_value
  from recon.alert_state a cross join unnest(%(channels)s::text[]) as c (channel)
  where a.channel = 'every channel'
  on conflict (channel, rule) do nothing
)
delete from recon.alert_state where channel <> all (%(channels)s::text[])

-- record --
-- Alerts that were sent start or go on, alerts that ended go; of the others only the newest value is kept.
with gone as (
  delete from recon.alert_state where channel = %(channel)s and rule = any (%(ended)s::text[])
), seen as (
  update recon.alert_state a set value = s.value
  from unnest(%(seen)s::text[], %(seen_values)s::float8[]) as s (rule, value)
  where a.channel = %(channel)s and a.rule = s.rule and a.value <> s.value
)
insert into recon.alert_state as a (channel, rule, value, started_at, sent_at, sent_value)
select %(channel)s, s.rule, s.value, %(now)s, %(now)s, s.value
from unnest(%(sent)s::text[], %(sent_values)s::float8[]) as s (rule, value)
on conflict (channel, rule) do update
set value = excluded.value, sent_at = excluded.sent_at, sent_value = excluded.sent_value
