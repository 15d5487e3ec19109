-- An index that begins like the unique one of whole keys was taken for it as long as there were no statistics; see ../schema.sql.

DROP INDEX orders_changed;
CREATE INDEX orders_changed ON orders (merchant_id, changed_at, connection_id);
