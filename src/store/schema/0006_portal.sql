-- Second factors, sessions and trusted devices of the portal. Times are UTC seconds.

-- What proves a factor is sealed under a key that is derived from the store key.
CREATE TABLE factor (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    uid        BLOB    NOT NULL UNIQUE,           -- 16 random bytes, bound to what is sealed
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    key_id     BLOB    NOT NULL,                  -- 8 bytes: the store key that it is under
    sealed     BLOB    NOT NULL,
    created    INTEGER NOT NULL,
    last_use   INTEGER,
    step       INTEGER,                           -- totp: the step that was accepted last
    UNIQUE (account_id, name)
) STRICT;

-- Those that were used are gone.
CREATE TABLE recovery_code (
    id         INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    selector   BLOB    NOT NULL,                  -- 16 bytes
    key_id     BLOB    NOT NULL,
    phc        TEXT    NOT NULL                   -- Argon2id
) STRICT;
CREATE INDEX recovery_code_account ON recovery_code (account_id);

-- Failures in a row of an account's second factors.
CREATE TABLE throttle (
    account_id INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    failures   INTEGER NOT NULL,
    last       INTEGER NOT NULL
) STRICT;

-- Browsers that are let in without a second factor.
CREATE TABLE trusted_device (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id   INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    token        BLOB    NOT NULL UNIQUE,         -- SHA-256 of the cookie
    created      INTEGER NOT NULL,
    until        INTEGER NOT NULL,
    last_at      INTEGER NOT NULL,
    last_address TEXT,
    system       TEXT    NOT NULL,
    program      TEXT    NOT NULL
) STRICT;
CREATE INDEX trusted_device_account ON trusted_device (account_id);

CREATE TABLE session (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    token      BLOB    NOT NULL UNIQUE,           -- SHA-256 of the cookie
    stage      TEXT    NOT NULL,                  -- factor, set-up, full
    created    INTEGER NOT NULL,
    seen       INTEGER NOT NULL,
    means      TEXT,                              -- main-password, factor, recovery: what was proved last
    factor_id  INTEGER REFERENCES factor (id) ON DELETE SET NULL,
    proved     INTEGER,
    address    TEXT,
    system     TEXT    NOT NULL,
    program    TEXT    NOT NULL
) STRICT;
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_seen ON session (seen);

-- What a session waits for: a code that was sent, or the proof of a factor that is being bound.
CREATE TABLE challenge (
    session_id INTEGER PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
    begun      INTEGER NOT NULL,
    factor_id  INTEGER REFERENCES factor (id) ON DELETE CASCADE, -- the one to be proved or changed
    kind       TEXT,                              -- of the one that is being bound
    name       TEXT,
    uid        BLOB,
    key_id     BLOB,
    sealed     BLOB,
    code       BLOB,                              -- 16 bytes: the mark of the code that was sent
    sent       INTEGER,
    tries      INTEGER NOT NULL DEFAULT 0
) STRICT;
