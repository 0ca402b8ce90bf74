-- Groups, aliases, delegations, sending limits and what was sent. Times are UTC seconds.

ALTER TABLE account ADD COLUMN group_name TEXT;

-- Further addresses.
CREATE TABLE alias (
    alias TEXT NOT NULL,                          -- an address or @domain, in normal form
    owner TEXT NOT NULL,                          -- an account's name, or @domain
    PRIMARY KEY (alias, owner)
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_owner ON alias (owner);

CREATE TABLE delegation (
    owner_id    INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    delegate_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    granted     TEXT    NOT NULL,                 -- read, on-behalf, send-as
    since       INTEGER NOT NULL,
    PRIMARY KEY (owner_id, delegate_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX delegation_delegate ON delegation (delegate_id);

-- What is said of limits at one level. NULL: nothing; -1: no limit.
CREATE TABLE sending_limit (
    level               TEXT NOT NULL,            -- default, group, account
    name                TEXT NOT NULL,            -- of the group or account; empty for the default
    per                 TEXT NOT NULL,            -- account, client-password, address
    messages_per_hour   INTEGER,
    recipients_per_hour INTEGER,
    messages_per_day    INTEGER,
    recipients_per_day  INTEGER,
    PRIMARY KEY (level, name, per)
) STRICT, WITHOUT ROWID;

-- What was sent in each five minutes, by account, client password and address.
CREATE TABLE sent (
    scope      TEXT    NOT NULL,
    slot       INTEGER NOT NULL,                  -- time / 300
    messages   INTEGER NOT NULL,
    recipients INTEGER NOT NULL,
    PRIMARY KEY (scope, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX sent_slot ON sent (slot);

-- Messages on their way: let through at DATA, booked at their end. Kept for some hours, so that a
-- question that is asked again counts once.
CREATE TABLE message (
    instance    TEXT    PRIMARY KEY,              -- Postfix's name for it
    time        INTEGER NOT NULL,
    state       TEXT    NOT NULL,                 -- reserved, booked, released
    recipients  INTEGER NOT NULL,
    account     TEXT    NOT NULL,
    password_id INTEGER,
    address     BLOB                              -- the source's key
) STRICT, WITHOUT ROWID;
CREATE INDEX message_time ON message (time);
CREATE INDEX message_reserved ON message (time) WHERE state = 'reserved';

-- When somebody was last told that a limit was reached.
CREATE TABLE told (
    scope   TEXT    NOT NULL,
    limited TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (scope, limited)
) STRICT, WITHOUT ROWID;

-- Notices that are not delivered yet.
CREATE TABLE notice (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    due   INTEGER NOT NULL,                       -- when to try next
    tries INTEGER NOT NULL DEFAULT 0,
    owed  TEXT    NOT NULL,                       -- channels it still has to go through, comma-separated
    body  TEXT    NOT NULL                        -- JSON
) STRICT;
CREATE INDEX notice_due ON notice (due);
