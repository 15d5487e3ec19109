-- How fast variants sell is counted apart from how long news takes; see ../schema.sql.

ALTER TABLE measured_until ADD tallied_id bigint NOT NULL DEFAULT 0;
UPDATE measured_until SET tallied_id = entry_id;
