-- How long news of a sale takes, how fast listings sell, and the buffers that follow; see ../schema.sql.

CREATE TABLE lags (                      -- how often news took how long, by hour; buckets: core/rules/lags.py
  merchant_id    bigint NOT NULL,
  connection_id  bigint NOT NULL,
  kind           text NOT NULL CHECK (kind IN ('news', 'publish')),
  hour           timestamptz NOT NULL,
  bucket         smallint NOT NULL,
  seen           bigint NOT NULL,
  PRIMARY KEY (merchant_id, connection_id, kind, hour, bucket),
  FOREIGN KEY (merchant_id, connection_id) REFERENCES connections
);

CREATE TABLE velocities (                -- what a connection sells of a variant, older sales counting less
  merchant_id    bigint NOT NULL,
  connection_id  bigint NOT NULL,
  variant_id     bigint NOT NULL,
  half_life      interval NOT NULL,
  since          timestamptz NOT NULL,
  at             timestamptz NOT NULL,
  units          double precision NOT NULL,
  orders         double precision NOT NULL,
  squares        double precision NOT NULL,
  PRIMARY KEY (merchant_id, variant_id, connection_id, half_life),
  FOREIGN KEY (merchant_id, connection_id) REFERENCES connections,
  FOREIGN KEY (merchant_id, variant_id) REFERENCES variants
);

CREATE TABLE measured_until (            -- the last entry of the ledger whose sale was measured
  merchant_id    bigint PRIMARY KEY REFERENCES merchants,
  entry_id       bigint NOT NULL,
  since          timestamptz NOT NULL
);

CREATE TABLE measured_buffers (          -- what a listing with a limit of oversold units holds back, in units of the variant
  merchant_id        bigint NOT NULL,
  listing_id         bigint NOT NULL,
  units              integer NOT NULL CHECK (units >= 0),
  expected_oversold  double precision NOT NULL,  -- of the whole pool, each time it sells out
  measured_at        timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, listing_id),
  FOREIGN KEY (merchant_id, listing_id) REFERENCES listings
);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['lags', 'velocities', 'measured_until', 'measured_buffers'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY declared ON %I USING (merchant_id = ANY (declared_merchants()))', name);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON lags, velocities, measured_until, measured_buffers TO fairway_worker;
GRANT SELECT ON lags, velocities, measured_until, measured_buffers TO fairway_read;
