"""Channel fields to canonical fields, as data: TOML files per channel and a small engine."""
