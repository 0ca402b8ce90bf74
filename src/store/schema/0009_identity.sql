-- One mailbox, one account. Times are UTC seconds.

-- The mark of an account's mailbox: 16 bytes under the store key, over where the user database says that the mail lives.
ALTER TABLE account ADD COLUMN mailbox    BLOB;
-- When the user database was last asked; NULL: not since the account was made or changed.
ALTER TABLE account ADD COLUMN mailbox_at INTEGER;
CREATE INDEX account_mailbox ON account (mailbox) WHERE mailbox IS NOT NULL;
CREATE INDEX account_mailbox_at ON account (mailbox_at);
CREATE INDEX account_unasked ON account (two_factor, enabled) WHERE mailbox_at IS NULL;

-- What stands behind the last @ of an account's name.
CREATE INDEX account_domain ON account (substr(name, length(rtrim(name, replace(name, '@', ''))) + 1));

-- The name that was typed, where it is not the account's own.
ALTER TABLE event ADD COLUMN typed TEXT;
