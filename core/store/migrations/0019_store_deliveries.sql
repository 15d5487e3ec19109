-- Webhooks are stored by one statement; see ../schema.sql.

-- Stores deliveries together with their todo, and says how many of each merchant's are new. It declares their merchants
-- itself, so that a statement of its own is all it takes: the sender waits for one round trip and one commit. How it is
-- done does not depend on how much is stored, so it is planned once.
CREATE FUNCTION store_deliveries(
  merchants bigint[], connections bigint[], topics text[], vias text[], keys bytea[], headers text[], bodies bytea[],
  times timestamptz[]
) RETURNS TABLE (merchant_id bigint, added bigint) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('fairway.merchants', array_to_string(ARRAY(SELECT DISTINCT unnest(merchants)), ','), true);
  RETURN QUERY
    WITH stored AS (
      INSERT INTO deliveries (merchant_id, connection_id, topic, via, dedupe_key, headers, body, received_at)
      SELECT merchant_id, connection_id, topic, via, dedupe_key, headers::jsonb, body, received_at
      FROM unnest(merchants, connections, topics, vias, keys, store_deliveries.headers, bodies, times)
        AS d (merchant_id, connection_id, topic, via, dedupe_key, headers, body, received_at)
      ON CONFLICT (merchant_id, connection_id, dedupe_key) DO NOTHING
      RETURNING merchant_id, delivery_id, connection_id
    ), queued AS (
      INSERT INTO todo (merchant_id, delivery_id, connection_id) SELECT * FROM stored
    )
    SELECT merchant_id, count(*) FROM stored GROUP BY merchant_id;
END $$;
