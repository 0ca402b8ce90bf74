-- What binding and proving of second factors need beside. Times are UTC seconds.

-- The person that WeChat, WeCom or DingTalk told: one account each. 16 bytes under the store key that the factor is under.
ALTER TABLE factor ADD COLUMN mark BLOB;
CREATE INDEX factor_mark ON factor (mark) WHERE mark IS NOT NULL;

-- What has to come back: a passkey's challenge, a provider's state. Sealed under a key that is derived from the store key.
ALTER TABLE challenge ADD COLUMN memo_key BLOB;   -- 8 bytes
ALTER TABLE challenge ADD COLUMN memo     BLOB;

-- When an account's recovery codes were made, however many are left.
CREATE TABLE recovery (
    account_id INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    made       INTEGER NOT NULL
) STRICT;

-- How many codes were sent: to a number or address, for an account, from an address, in all.
CREATE TABLE codes_sent (
    what   TEXT    PRIMARY KEY,
    record TEXT    NOT NULL,                        -- JSON
    last   INTEGER NOT NULL
) STRICT;
CREATE INDEX codes_sent_last ON codes_sent (last);
