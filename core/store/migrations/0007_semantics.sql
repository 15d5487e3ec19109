-- What a channel does to its own count: by how much each line lowered it, and what its number still includes; see ../schema.sql.

ALTER TABLE order_lines ADD lowered integer NOT NULL DEFAULT 0 CHECK (lowered >= 0);
ALTER TABLE order_lines ADD unshipped integer NOT NULL DEFAULT 0 CHECK (unshipped >= 0);
ALTER TABLE order_lines ADD channel_location_id text;
ALTER TABLE listing_levels ADD unshipped integer NOT NULL DEFAULT 0 CHECK (unshipped >= 0);
-- An owner that is no superuser is under row level security as well: without this it would find no order.
ALTER TABLE orders NO FORCE ROW LEVEL SECURITY;
ALTER TABLE order_lines NO FORCE ROW LEVEL SECURITY;
UPDATE order_lines l SET lowered = l.quantity FROM orders o
  WHERE o.merchant_id = l.merchant_id AND o.order_id = l.order_id AND o.lowered AND o.cancelled_at IS NULL;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
ALTER TABLE order_lines FORCE ROW LEVEL SECURITY;
ALTER TABLE orders DROP lowered;  -- each line says it by itself
CREATE INDEX order_lines_unshipped ON order_lines (merchant_id, listing_id) WHERE unshipped > 0;
