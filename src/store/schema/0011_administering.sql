-- What administrators do about people, and see of them. Times are UTC seconds.

-- The code that whoever signs in after a reset has to give before a second factor is bound; one of an account. It goes
-- when the first factor is bound.
CREATE TABLE set_up_code (
    account_id INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    selector   BLOB    NOT NULL,                  -- 16 bytes
    key_id     BLOB    NOT NULL,                  -- 8 bytes: the store key that made the selector
    made       INTEGER NOT NULL
) STRICT;

-- The last time that somebody came in at the portal all the way; NULL: never, as far as is known.
ALTER TABLE account ADD COLUMN signed_in INTEGER;
UPDATE account SET signed_in = seen.last FROM (
    SELECT account, max(time) AS last FROM event
    WHERE kind = 'login' AND protocol = 'sidegate-portal' AND verdict = 'accept' GROUP BY account
) AS seen WHERE seen.account = account.name;
