-- What is under a former store key is put under the current one, and has to be found.

CREATE INDEX factor_key ON factor (key_id);
