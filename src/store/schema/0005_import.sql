-- Client passwords that were imported, until their first use: no selector finds them. The key of each mark.

ALTER TABLE client_password ADD COLUMN scheme TEXT; -- argon2, bcrypt, sha512-crypt: phc is such a hash; NULL: ours
ALTER TABLE revoked_password ADD COLUMN key_id BLOB; -- 8 bytes; NULL: removed before this was kept
