-- When a level was last claimed to be told: until when a try without an answer may come about counts from there.

ALTER TABLE listing_levels ADD tried_at timestamptz;
