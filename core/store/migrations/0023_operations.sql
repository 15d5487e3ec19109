-- Who books an operation holds a row instead of an advisory lock, which a cluster has on one machine only; see ../schema.sql.

CREATE TABLE operations (                -- what is being booked now: gone again before its transaction ends, so none is ever seen
  merchant_id    bigint NOT NULL,
  op_key         text NOT NULL,
  PRIMARY KEY (merchant_id, op_key)
);
ALTER TABLE operations ENABLE ROW LEVEL SECURITY;
ALTER TABLE operations FORCE ROW LEVEL SECURITY;
CREATE POLICY declared ON operations USING (merchant_id = ANY ((SELECT declared_merchants())::bigint[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON operations TO fairway_worker;
GRANT SELECT ON operations TO fairway_read;
