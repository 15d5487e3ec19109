-- Who holds a piece of todo, so that whoever takes the place of a dead worker can give its pieces back at once.

ALTER TABLE todo ADD holder bigint NOT NULL DEFAULT 0;
