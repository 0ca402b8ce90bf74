-- Listeners: since when each is there, and when it was last asked. Times are UTC seconds.
CREATE TABLE door (
    place TEXT    PRIMARY KEY,                    -- a path, or an address and port
    since INTEGER NOT NULL,
    asked INTEGER                                 -- NULL: not yet
) STRICT, WITHOUT ROWID;
