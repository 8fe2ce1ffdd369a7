-- Lists by what they are filtered by, newest first. That of sessions also tells whose are online, as sessions_online did.
CREATE INDEX sessions_by_presence ON sessions (online, created_at, id, user_id) WHERE ended_at = 0;
DROP INDEX sessions_online;
CREATE INDEX jobs_by_state ON jobs (state, created_at, id);
CREATE INDEX jobs_by_kind ON jobs (kind, created_at, id);
