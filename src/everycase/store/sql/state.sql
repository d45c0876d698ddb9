-- read --
-- Whether the pipeline may run.
select is_stopped, reason, since from recon.pipeline_state

-- stop --
-- Too much fails: nothing runs until a person has looked.
update recon.pipeline_state set is_stopped = true, reason = %(reason)s, since = %(now)s, run_id = %(run_id)s

-- resume --
-- A person lets it go on.
update recon.pipeline_state p set is_stopped = false, reason = null, since = null, run_id = null
from (select is_stopped, reason from recon.pipeline_state for update) before
where before.is_stopped returning before.reason
