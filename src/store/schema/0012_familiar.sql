-- What an account came in to the portal from: it is not made to wait there for what others guess. Times are UTC seconds.
CREATE TABLE familiar (
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    mark       BLOB    NOT NULL,                  -- a browser's mark, or an address or IPv6 network
    last       INTEGER NOT NULL,
    PRIMARY KEY (account_id, mark)
) STRICT, WITHOUT ROWID;
CREATE INDEX familiar_last ON familiar (last);
