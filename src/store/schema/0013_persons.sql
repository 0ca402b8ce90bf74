-- Several accounts may have the same person of WeChat, WeCom or DingTalk: nothing has to find them any more.
DROP INDEX factor_mark;
ALTER TABLE factor DROP COLUMN mark;
