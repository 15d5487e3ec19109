-- The whole ledger: quarantined and incoming units, who did it, when it happened; a master for each location.

-- An owner that is no superuser is under row level security as well: without this it would find no row.
ALTER TABLE stock NO FORCE ROW LEVEL SECURITY;
ALTER TABLE stock_ledger NO FORCE ROW LEVEL SECURITY;
ALTER TABLE connection_locations NO FORCE ROW LEVEL SECURITY;

ALTER TABLE stock_ledger
  ADD quarantined_delta integer NOT NULL DEFAULT 0,
  ADD incoming_delta integer NOT NULL DEFAULT 0,
  ADD actor text NOT NULL DEFAULT 'hub',
  ADD occurred_at timestamptz,
  ADD order_id bigint,
  ADD CONSTRAINT stock_ledger_reason_check CHECK (reason IN ('reserve', 'release', 'ship', 'count', 'adjust',
    'receive', 'transfer', 'quarantine', 'unquarantine', 'expect'));
UPDATE stock_ledger SET occurred_at = recorded_at;
ALTER TABLE stock_ledger ALTER occurred_at SET NOT NULL;
DROP INDEX stock_ledger_variant;
CREATE INDEX stock_ledger_variant ON stock_ledger (merchant_id, variant_id, location_id, occurred_at);

ALTER TABLE stock
  ADD quarantined integer NOT NULL DEFAULT 0 CHECK (quarantined >= 0),
  ADD incoming integer NOT NULL DEFAULT 0 CHECK (incoming >= 0),
  ADD counted_at timestamptz;
UPDATE stock s SET counted_at = l.counted_at
  FROM (SELECT merchant_id, variant_id, location_id, max(recorded_at) AS counted_at FROM stock_ledger
        WHERE reason = 'count' GROUP BY 1, 2, 3) l
  WHERE l.merchant_id = s.merchant_id AND l.variant_id = s.variant_id AND l.location_id = s.location_id;

ALTER TABLE locations
  ADD connection_id bigint,
  ADD CONSTRAINT locations_channel_check CHECK ((master = 'channel') = (connection_id IS NOT NULL)),
  ADD FOREIGN KEY (merchant_id, connection_id) REFERENCES connections;

CREATE TABLE channel_locations (         -- the places a channel has, whether or not a shelf stands behind them
  merchant_id          bigint NOT NULL,
  connection_id        bigint NOT NULL,
  channel_location_id  text NOT NULL,   -- '' where the channel knows no locations
  name                 text NOT NULL,
  PRIMARY KEY (merchant_id, connection_id, channel_location_id),
  FOREIGN KEY (merchant_id, connection_id) REFERENCES connections
);
INSERT INTO channel_locations (merchant_id, connection_id, channel_location_id, name)
  SELECT merchant_id, connection_id, channel_location_id, max(name) FROM connection_locations GROUP BY 1, 2, 3;
ALTER TABLE connection_locations DROP COLUMN name,
  ADD FOREIGN KEY (merchant_id, connection_id, channel_location_id) REFERENCES channel_locations;

ALTER TABLE stock FORCE ROW LEVEL SECURITY;
ALTER TABLE stock_ledger FORCE ROW LEVEL SECURITY;
ALTER TABLE connection_locations FORCE ROW LEVEL SECURITY;

ALTER TABLE channel_locations ENABLE ROW LEVEL SECURITY;
ALTER TABLE channel_locations FORCE ROW LEVEL SECURITY;
CREATE POLICY declared ON channel_locations USING (merchant_id = ANY (declared_merchants()));
GRANT SELECT, INSERT, UPDATE, DELETE ON channel_locations TO fairway_worker;
GRANT SELECT ON channel_locations TO fairway_read;
