-- Accounts, client passwords, sources of attempts, and events. Times are UTC seconds.

CREATE TABLE account (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,           -- normal form
    enabled    INTEGER NOT NULL DEFAULT 1,
    two_factor INTEGER NOT NULL DEFAULT 0,
    created    INTEGER NOT NULL
) STRICT;

CREATE TABLE client_password (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
    account_id    INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name          TEXT    NOT NULL,
    selector      BLOB    NOT NULL,               -- 16 bytes
    key_id        BLOB    NOT NULL,               -- 8 bytes: the store key that made the selector
    phc           TEXT    NOT NULL,               -- Argon2id over SHA-256 of the password
    created       INTEGER NOT NULL,
    expires       INTEGER,
    protocols     TEXT    NOT NULL DEFAULT '',    -- comma-separated; empty: all
    networks      TEXT    NOT NULL DEFAULT '',    -- comma-separated CIDR; empty: all
    last_at       INTEGER,
    last_address  TEXT,
    last_protocol TEXT,
    UNIQUE (account_id, name)
) STRICT;

-- Marks of removed client passwords, so that people can be told which device still uses one.
CREATE TABLE revoked_password (
    id         INTEGER PRIMARY KEY,               -- the number it had
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    selector   BLOB    NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
CREATE INDEX revoked_password_account ON revoked_password (account_id);
CREATE INDEX revoked_password_at ON revoked_password (at);

-- One row per source with failures or a block. A block has an end; a run has none.
CREATE TABLE source (
    key      BLOB    PRIMARY KEY,
    last     INTEGER NOT NULL,                    -- last failure, or the block's beginning
    until    INTEGER,
    reason   TEXT,
    failures BLOB    NOT NULL DEFAULT x''         -- 16 bytes each: account tag, secret tag
) STRICT, WITHOUT ROWID;
CREATE INDEX source_last ON source (last);

CREATE TABLE event (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    time          INTEGER NOT NULL,
    kind          TEXT    NOT NULL,
    account       TEXT,
    address       TEXT,
    protocol      TEXT,
    password_id   INTEGER,
    password_name TEXT,
    verdict       TEXT,
    reason        TEXT,
    actor         TEXT    NOT NULL,
    count         INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX event_account ON event (account, id) WHERE account IS NOT NULL;
CREATE INDEX event_address ON event (address, id) WHERE address IS NOT NULL;
CREATE INDEX event_time ON event (time);
