-- standing --
-- Which alerts stand, and what was last sent of each.
select rule, value, started_at, sent_at, sent_value from recon.alert_state

-- record --
-- Alerts that were sent start or go on, alerts that ended go; of the others only the newest value is kept.
with gone as (
  delete from recon.alert_state where rule = any (%(ended)s::text[])
), seen as (
  update recon.alert_state a set value = s.value
  from unnest(%(seen)s::text[], %(seen_values)s::float8[]) as s (rule, value)
  where a.rule = s.rule and a.value <> s.value
)
insert into recon.alert_state as a (rule, value, started_at, sent_at, sent_value)
select s.rule, s.value, %(now)s, %(now)s, s.value
from unnest(%(sent)s::text[], %(sent_values)s::float8[]) as s (rule, value)
on conflict (rule) do update
set value = excluded.value, sent_at = excluded.sent_at, sent_value = excluded.sent_value
