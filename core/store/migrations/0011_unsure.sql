-- What is only guessed of a level whose writes had no answer, or did not compare before they set; see ../schema.sql.

ALTER TABLE listing_levels
  ADD assumed   integer NOT NULL DEFAULT 0 CHECK (assumed BETWEEN 0 AND unseen),
  ADD unsure    integer NOT NULL DEFAULT 0 CHECK (unsure >= 0),
  ADD unsure_at timestamptz;

CREATE INDEX listing_levels_unsure ON listing_levels (merchant_id, connection_id) WHERE unsure_at IS NOT NULL;
