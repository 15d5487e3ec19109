-- An attempt is written before the call and once more after it: it finds room beside itself. See ../schema.sql.

ALTER TABLE push_attempts SET (fillfactor = 50);
