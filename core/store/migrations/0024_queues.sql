-- Merchants are spread over queues, of which each worker serves some first; core/shares.py says the same in Python.

CREATE FUNCTION queue_of(merchant_id bigint, queues int) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN (((merchant_id & 2147483647) * 2654435761 & 4294967295) * queues >> 32)::int;
