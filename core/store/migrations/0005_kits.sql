-- Kits: variants made of other variants, and what lines of them hold of each component; see ../schema.sql.

CREATE TABLE kit_components (            -- what a kit is made of, one level deep: a component may be a kit itself
  merchant_id   bigint NOT NULL,
  kit_id        bigint NOT NULL,
  component_id  bigint NOT NULL CHECK (component_id <> kit_id),
  units         integer NOT NULL CHECK (units > 0),
  PRIMARY KEY (merchant_id, kit_id, component_id),
  FOREIGN KEY (merchant_id, kit_id) REFERENCES variants,
  FOREIGN KEY (merchant_id, component_id) REFERENCES variants
);
CREATE INDEX kit_components_component ON kit_components (merchant_id, component_id);

ALTER TABLE order_lines ADD made_of jsonb;  -- of a kit: component -> units in one, as it was reserved

-- A line of a kit holds, and may be short of, each of its components.
ALTER TABLE reservations DROP CONSTRAINT reservations_pkey;
ALTER TABLE reservations ADD PRIMARY KEY (merchant_id, order_id, line_id, variant_id, location_id);
ALTER TABLE shortages DROP CONSTRAINT shortages_pkey;
ALTER TABLE shortages ADD PRIMARY KEY (merchant_id, order_id, line_id, variant_id);

ALTER TABLE kit_components ENABLE ROW LEVEL SECURITY;
ALTER TABLE kit_components FORCE ROW LEVEL SECURITY;
CREATE POLICY declared ON kit_components USING (merchant_id = ANY (declared_merchants()));
GRANT SELECT, INSERT, UPDATE, DELETE ON kit_components TO fairway_worker;
GRANT SELECT ON kit_components TO fairway_read;
