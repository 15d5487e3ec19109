-- Certificates: for each window of time, what a channel lists compared with what is here; see ../schema.sql.

ALTER TABLE schedule DROP CONSTRAINT schedule_kind_check;
ALTER TABLE schedule ADD CONSTRAINT schedule_kind_check
  CHECK (kind IN ('pull', 'fetch', 'catalog', 'push', 'probe', 'effect', 'reconcile', 'certify'));
-- An owner that is no superuser is under row level security as well: without this it would find no connection.
ALTER TABLE schedule NO FORCE ROW LEVEL SECURITY;
INSERT INTO schedule (merchant_id, connection_id, kind, due_at)
  SELECT merchant_id, connection_id, 'certify', now() FROM schedule WHERE kind = 'catalog';
ALTER TABLE schedule FORCE ROW LEVEL SECURITY;

CREATE INDEX orders_changed ON orders (merchant_id, connection_id, changed_at);

CREATE TABLE certificates (              -- a window of time: what the channel lists of it, compared with what is here
  merchant_id    bigint NOT NULL,
  connection_id  bigint NOT NULL,
  since          timestamptz NOT NULL,
  until          timestamptz NOT NULL,
  status         text NOT NULL CHECK (status IN ('certified', 'healing', 'gap')),
  listed         integer NOT NULL,
  missing        integer NOT NULL,
  behind         integer NOT NULL,
  unlisted       integer NOT NULL,
  gone           integer NOT NULL,
  healed         integer NOT NULL DEFAULT 0,
  asked          jsonb NOT NULL DEFAULT '{}',
  digest         bytea NOT NULL,
  looks          integer NOT NULL DEFAULT 1,
  first_read_at  timestamptz NOT NULL,
  read_at        timestamptz NOT NULL,
  next_at        timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, connection_id, since),
  FOREIGN KEY (merchant_id, connection_id) REFERENCES connections,
  CHECK (since < until),
  CHECK (status <> 'certified' OR missing + behind = 0)
);
CREATE INDEX certificates_open ON certificates (merchant_id, connection_id, since) WHERE status <> 'certified';

ALTER TABLE certificates ENABLE ROW LEVEL SECURITY;
ALTER TABLE certificates FORCE ROW LEVEL SECURITY;
CREATE POLICY declared ON certificates USING (merchant_id = ANY (declared_merchants()));
GRANT SELECT, INSERT, UPDATE ON certificates TO fairway_worker;
GRANT SELECT ON certificates TO fairway_read;
