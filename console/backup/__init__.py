"""Backups of a hub's database, made and put back with PostgreSQL's own programs."""
