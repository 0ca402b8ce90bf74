-- Visits to the portal: who came in, and who was stopped at the second factor. Times are UTC seconds.
CREATE TABLE visit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    session_id INTEGER,                           -- of the last attempt; it may be gone
    outcome    TEXT    NOT NULL,                  -- pending, stopped, in
    proved     TEXT,                              -- in: main-password, trusted, recovery, or a kind of factor
    begun      INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    wrong      INTEGER NOT NULL,
    source     TEXT    NOT NULL,                  -- the address as failures are counted
    address    TEXT,
    system     TEXT    NOT NULL,
    program    TEXT    NOT NULL,
    told       INTEGER                            -- when the owner was told
) STRICT;
CREATE INDEX visit_account ON visit (account_id, last);
CREATE INDEX visit_session ON visit (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX visit_pending ON visit (last) WHERE outcome = 'pending';
CREATE INDEX visit_last ON visit (last);

-- The sessions that there are have a visit as well.
INSERT INTO visit (account_id, session_id, outcome, proved, begun, last, count, wrong, source, address, system, program)
SELECT s.account_id, s.id,
       CASE s.stage WHEN 'factor' THEN 'pending' ELSE 'in' END,
       CASE WHEN s.stage = 'factor' THEN NULL
            WHEN s.means = 'factor' AND f.kind IS NOT NULL THEN f.kind
            WHEN s.means = 'recovery' THEN 'recovery'
            WHEN s.stage = 'trusted' THEN 'trusted'
            ELSE 'main-password' END,
       s.created, s.created, 1, 0, coalesce(s.address, '-'), s.address, s.system, s.program
FROM session s LEFT JOIN factor f ON f.id = s.factor_id;

-- Logins of one account that were let in: what a person is shown, however many others were refused.
CREATE INDEX event_accepted ON event (account, time) WHERE kind = 'login' AND verdict = 'accept';
