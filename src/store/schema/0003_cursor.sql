-- How far those who follow the events have come.
CREATE TABLE cursor (
    name  TEXT    PRIMARY KEY,
    event INTEGER NOT NULL                        -- the last event that was dealt with
) STRICT, WITHOUT ROWID;
