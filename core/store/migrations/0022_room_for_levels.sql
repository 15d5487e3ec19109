-- Half of a page of levels stays free, so that a new version of one finds room beside the old one and no index is touched:
-- reading back took a quarter of the CPU for it. See ../schema.sql.

ALTER TABLE listing_levels SET (fillfactor = 50);
