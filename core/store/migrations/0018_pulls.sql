-- A pull that is put off half-way goes on where it was; see ../schema.sql.

CREATE TABLE pulls (                     -- a pull of orders that is under way: where whoever goes on with it begins
  merchant_id    bigint NOT NULL,
  connection_id  bigint NOT NULL,
  since          timestamptz NOT NULL,
  until          timestamptz NOT NULL,   -- of the window
  begun_at       timestamptz NOT NULL,   -- what the checkpoint becomes
  cursor         text NOT NULL,
  PRIMARY KEY (merchant_id, connection_id),
  FOREIGN KEY (merchant_id, connection_id) REFERENCES connections
);
ALTER TABLE pulls ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulls FORCE ROW LEVEL SECURITY;
CREATE POLICY declared ON pulls USING (merchant_id = ANY ((SELECT declared_merchants())::bigint[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON pulls TO fairway_worker;
GRANT SELECT ON pulls TO fairway_read;
