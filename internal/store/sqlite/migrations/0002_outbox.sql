-- due_at is from when a worker may claim the job: run_at of a queued one, lease_until of one that runs, else 0.
CREATE TABLE jobs (
	id          TEXT PRIMARY KEY,
	version     INTEGER NOT NULL,
	kind        TEXT NOT NULL,
	subject     TEXT NOT NULL,
	note        BLOB,
	payload     BLOB,
	state       TEXT NOT NULL,
	attempts    INTEGER NOT NULL,
	run_at      INTEGER NOT NULL,
	lease_until INTEGER NOT NULL,
	due_at      INTEGER NOT NULL,
	last_error  TEXT NOT NULL,
	created_at  INTEGER NOT NULL,
	purge_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_by_due ON jobs (kind, due_at, id) WHERE due_at <> 0;
CREATE INDEX jobs_by_birth ON jobs (created_at, id);
CREATE INDEX jobs_by_subject ON jobs (subject) WHERE subject <> '';
CREATE INDEX jobs_by_purge ON jobs (purge_at) WHERE purge_at <> 0;

CREATE TABLE webhooks (
	id         TEXT PRIMARY KEY,
	url        TEXT NOT NULL,
	events     TEXT NOT NULL, -- a JSON array
	secret     BLOB NOT NULL, -- sealed
	created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE service_keys (
	id           TEXT PRIMARY KEY,
	name         TEXT NOT NULL,
	hash         TEXT NOT NULL UNIQUE,
	created_at   INTEGER NOT NULL,
	last_used_at INTEGER NOT NULL
) STRICT;
