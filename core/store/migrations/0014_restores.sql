-- What a restore from a backup leaves in doubt; see ../schema.sql.

ALTER TABLE connections ADD restored_at timestamptz;
ALTER TABLE connections ADD doubted_at timestamptz;
ALTER TABLE connections ADD shown_at timestamptz;
