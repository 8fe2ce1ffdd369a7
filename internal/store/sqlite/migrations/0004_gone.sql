-- What is left of deleted users stays until purge_at: lists do not show it, and its address is free. In the column email
-- it has its id, which is no address.
ALTER TABLE users ADD COLUMN purge_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX users_by_purge ON users (purge_at) WHERE purge_at <> 0;
DROP INDEX users_by_birth;
CREATE INDEX users_by_birth ON users (created_at, id) WHERE purge_at = 0;
