-- add_token --
-- A new token: its hash, never itself.
insert into recon.access_tokens (name, role, token_hash, expires_at)
values (%(name)s, %(role)s, %(hash)s, now() + %(valid_for)s::interval)
on conflict (name) where revoked_at is null do nothing
returning token_id

-- tokens --
-- All tokens, newest first.
select token_id, name, role, created_at, expires_at, last_used_at, revoked_at
from recon.access_tokens order by created_at desc, name

-- revoke --
-- The token is refused from now on, and its sessions with it.
with revoked as (
  update recon.access_tokens set revoked_at = now() where name = %(name)s and revoked_at is null returning token_id
), ended as (
  delete from recon.web_sessions where token_id in (select token_id from revoked)
)
select count(*) from revoked

-- has_tokens --
-- Whether anybody could sign in.
select exists (
  select from recon.access_tokens where revoked_at is null and (expires_at is null or expires_at > now()))

-- by_token --
-- Whose token this is. `last_used_at` moves at most once a minute, so that reading does not write.
with used as (
  update recon.access_tokens set last_used_at = now()
  where token_hash = %(hash)s and revoked_at is null and (expires_at is null or expires_at > now())
    and (last_used_at is null or last_used_at < now() - interval '1 minute')
)
select token_id, name, role from recon.access_tokens
where token_hash = %(hash)s and revoked_at is null and (expires_at is null or expires_at > now())

-- add_session --
-- A browser has signed in; sessions that are over go.
with over as (delete from recon.web_sessions where expires_at < now())
insert into recon.web_sessions (session_hash, token_id, subject, role, expires_at)
values (%(hash)s, %(token_id)s, %(subject)s, %(role)s, now() + %(valid_for)s::interval)

-- by_session --
-- Whose browser this is.
select s.subject, s.role from recon.web_sessions s left join recon.access_tokens t using (token_id)
where s.session_hash = %(hash)s and s.expires_at > now()
  and (s.token_id is null or (t.revoked_at is null and (t.expires_at is null or t.expires_at > now())))

-- end_session --
-- Signed out.
delete from recon.web_sessions where session_hash = %(hash)s

-- refuse --
-- A sign-in was refused; those of an hour ago are forgotten.
with over as (delete from recon.refused_sign_ins where at < now() - interval '1 hour')
insert into recon.refused_sign_ins (source) values (%(source)s)

-- refused --
-- How often a source was refused lately.
select count(*) from recon.refused_sign_ins where source = %(source)s and at > now() - %(within)s::interval

-- audit --
-- Who did what.
insert into recon.audit (who, role, action, details) values (%(who)s, %(role)s, %(action)s, %(details)s)

-- audit_page --
-- The audit, newest first, page by page.
select audit_id, at, who, role, action, details from recon.audit
where %(before)s::bigint is null or audit_id < %(before)s
order by audit_id desc limit %(limit)s
