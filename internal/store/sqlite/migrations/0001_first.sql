-- Times are microseconds since 1970 in UTC, 0 for none. A body is the record as JSON; a column beside it is there
-- because it is indexed, or because it changes apart from the body.

CREATE TABLE users (
	id         TEXT PRIMARY KEY,
	email      TEXT NOT NULL UNIQUE,
	version    INTEGER NOT NULL,
	changed_at INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	body       TEXT NOT NULL
) STRICT;
CREATE INDEX users_by_change ON users (changed_at);
CREATE INDEX users_by_birth ON users (created_at, id);

CREATE TABLE sessions (
	id           TEXT PRIMARY KEY,
	user_id      TEXT NOT NULL,
	version      INTEGER NOT NULL,
	created_at   INTEGER NOT NULL,
	ends_at      INTEGER NOT NULL, -- by itself: the earlier of the sliding and the absolute end
	ended_at     INTEGER NOT NULL,
	purge_at     INTEGER NOT NULL,
	changed_at   INTEGER NOT NULL,
	body         TEXT NOT NULL,
	-- The traces, written behind.
	last_seen_at INTEGER NOT NULL,
	ip           TEXT NOT NULL,
	user_agent   TEXT NOT NULL,
	location     TEXT NOT NULL, -- JSON, '' for none
	acked        INTEGER NOT NULL,
	online       INTEGER NOT NULL,
	online_seq   INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id, ended_at);
CREATE INDEX sessions_by_change ON sessions (changed_at);
CREATE INDEX sessions_by_birth ON sessions (created_at, id) WHERE ended_at = 0;
CREATE INDEX sessions_by_end ON sessions (ends_at) WHERE ended_at = 0;
CREATE INDEX sessions_by_address ON sessions (ip) WHERE ended_at = 0;
CREATE INDEX sessions_online ON sessions (user_id) WHERE ended_at = 0 AND online = 1;
CREATE INDEX sessions_by_purge ON sessions (purge_at) WHERE ended_at <> 0;

-- What searches find: kind is user, session, or role (whose ids are users').
CREATE TABLE words (
	kind TEXT NOT NULL,
	id   TEXT NOT NULL,
	word TEXT NOT NULL,
	PRIMARY KEY (kind, id, word)
) STRICT, WITHOUT ROWID;
CREATE INDEX words_by_word ON words (kind, word, id);

CREATE TABLE grants (
	purpose      TEXT NOT NULL,
	hash         TEXT NOT NULL,
	user_id      TEXT NOT NULL,
	session_id   TEXT NOT NULL,
	auth_version INTEGER NOT NULL,
	tries_left   INTEGER NOT NULL,
	payload      BLOB,
	expires_at   INTEGER NOT NULL,
	PRIMARY KEY (purpose, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_user ON grants (user_id);
CREATE INDEX grants_by_expiry ON grants (expires_at);

CREATE TABLE audit (
	id      TEXT PRIMARY KEY,
	at      INTEGER NOT NULL,
	action  TEXT NOT NULL,
	actor   TEXT NOT NULL,
	target  TEXT NOT NULL,
	user_id TEXT NOT NULL,
	body    TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_user ON audit (user_id, at, id);
CREATE INDEX audit_by_actor ON audit (actor, at, id);
CREATE INDEX audit_by_target ON audit (target, at, id);
CREATE INDEX audit_by_action ON audit (action, at, id);

-- Records of which there is one: admins, keyset.
CREATE TABLE singles (
	name    TEXT PRIMARY KEY,
	version INTEGER NOT NULL,
	body    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
