-- Accounts at providers: one user each. The record has them too.
CREATE TABLE identities (
	user_id  TEXT NOT NULL,
	identity TEXT NOT NULL, -- provider:subject
	PRIMARY KEY (user_id, identity)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX identities_once ON identities (identity);
