-- What administrators do about people. Times are UTC seconds.

-- What is under a former store key is put under the current one, and has to be found.
CREATE INDEX factor_key ON factor (key_id);

-- Main passwords that an administrator set, where no upstream knows any: Argon2id over SHA-256.
CREATE TABLE main_password (
    account_id INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    phc        TEXT    NOT NULL,
    at         INTEGER NOT NULL                     -- when it was set
) STRICT;

-- What failures over time are counted from, without looking at the events themselves.
CREATE INDEX event_refused ON event (time, address, account, count) WHERE kind = 'login' AND verdict = 'refuse';
CREATE INDEX event_blocked ON event (time) WHERE kind = 'block-added';
