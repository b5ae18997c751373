-- Copyright The Switchyard Authors.
-- SPDX-License-Identifier: Apache-2.0

-- Times are microseconds since 1970, UTC. Booleans are 0 and 1.

CREATE TABLE users (
	name       TEXT    NOT NULL PRIMARY KEY,
	admin      INTEGER NOT NULL CHECK (admin IN (0, 1)),
	disabled   INTEGER NOT NULL CHECK (disabled IN (0, 1)),
	created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE projects (
	name         TEXT    NOT NULL PRIMARY KEY,
	shell_access INTEGER CHECK (shell_access IN (0, 1)),
	created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
	project TEXT NOT NULL REFERENCES projects (name) ON DELETE CASCADE,
	user    TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
	role    TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'owner')),
	PRIMARY KEY (project, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_user ON members (user);

CREATE TABLE tokens (
	id           TEXT    NOT NULL PRIMARY KEY,
	digest       BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
	handle       TEXT    NOT NULL,
	user         TEXT    NOT NULL REFERENCES users (name) ON DELETE CASCADE,
	note         TEXT    NOT NULL,
	created_at   INTEGER NOT NULL,
	expires_at   INTEGER,
	revoked_at   INTEGER,
	last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_handle ON tokens (handle);
CREATE INDEX tokens_user ON tokens (user);

CREATE TABLE containers (
	id             TEXT    NOT NULL PRIMARY KEY,
	name           TEXT    NOT NULL,
	project        TEXT    NOT NULL REFERENCES projects (name),
	owner          TEXT    NOT NULL REFERENCES users (name),
	labels         TEXT    NOT NULL, -- a JSON object
	docker_id      TEXT    NOT NULL,
	node           TEXT    NOT NULL,
	state          TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'ended')),
	exit_code      INTEGER,
	exec           TEXT    NOT NULL,
	runner_address TEXT    NOT NULL,
	host_key       TEXT    NOT NULL,
	shell_access   INTEGER CHECK (shell_access IN (0, 1)),
	reusable       INTEGER NOT NULL CHECK (reusable IN (0, 1)),
	opened_at      INTEGER,
	last_opened_at INTEGER,
	created_at     INTEGER NOT NULL,
	started_at     INTEGER,
	ended_at       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX containers_name ON containers (name, project);
CREATE INDEX containers_project ON containers (project, id);
CREATE UNIQUE INDEX containers_live_name ON containers (project, name) WHERE state <> 'ended';

-- A session outlives the record of its container, so it repeats the names and refers to nothing.
CREATE TABLE sessions (
	id             TEXT    NOT NULL PRIMARY KEY,
	controller     TEXT    NOT NULL,
	user           TEXT    NOT NULL,
	container_id   TEXT    NOT NULL,
	container      TEXT    NOT NULL,
	project        TEXT    NOT NULL,
	client_address TEXT    NOT NULL,
	started_at     INTEGER NOT NULL,
	ended_at       INTEGER,
	bytes_in       INTEGER NOT NULL,
	bytes_out      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_live ON sessions (controller) WHERE ended_at IS NULL;
CREATE INDEX sessions_user ON sessions (user, id);
CREATE INDEX sessions_project ON sessions (project, id);

CREATE TABLE settings (
	name  TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
